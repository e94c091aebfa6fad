using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using Grpc.Core;
using Quorate.Client;
using Quorate.CommandLine;
using Quorate.Etcdctl.Output;
using Quorate.Protocol;

namespace Quorate.Etcdctl;

/// <summary>What a command works with: its flags and arguments, a client, and the printer.</summary>
internal sealed class CtlContext(CtlCommand command, FlagSet flags, IReadOnlyList<string> arguments, int dashes)
{
    private Printer? _printer;

    /// <summary>Where values and transactions are read from: standard input, other than in tests.</summary>
    public static Stream Input { get; set; } = Console.OpenStandardInput();

    public CtlCommand Command => command;

    public FlagSet Flags => flags;

    public IReadOnlyList<string> Arguments => arguments;

    /// <summary>How many arguments stood before a double dash; -1 if there was none.</summary>
    public int Dashes => dashes;

    public bool IsHex => flags.Boolean("hex");

    public string Format => flags.Text("write-out");

    public TimeSpan CommandTimeout => flags.Duration("command-timeout");

    public Printer Printer => _printer ??= Printer.For(Format, IsHex);

    public IReadOnlyList<string> Endpoints => flags.List("endpoints");

    /// <summary>A client of the endpoints; the format of the output is checked with it.</summary>
    public async Task<EtcdClient> ConnectAsync(IReadOnlyList<string>? endpoints = null)
    {
        _ = Printer;
        IReadOnlyList<string> targets = endpoints ?? Endpoints;
        if (targets.All(target => target.Trim().Length == 0))
        {
            throw new CommandException(ExitCodes.BadConnection, "etcdclient: no available endpoints");
        }

        (string? user, string? password) = Credentials();
        var client = new EtcdClient(new EtcdClientOptions
        {
            Endpoints = targets,
            CallTimeout = CommandTimeout,
            WaitsForMember = true,
            User = user,
            Password = password,
            Token = flags.Text("auth-jwt-token") is { Length: > 0 } token ? token : null,
            Tls = Tls(),
            KeepAliveTime = Max(flags.Duration("keepalive-time"), TimeSpan.FromSeconds(10)),
            KeepAliveTimeout = Max(flags.Duration("keepalive-timeout"), TimeSpan.FromSeconds(1)),
            MaxReceiveBytes = flags.Integer("max-recv-bytes") is > 0 and long receive ? (int)receive : null,
            MaxSendBytes = flags.Integer("max-request-bytes") is > 0 and long send ? (int)send : null,
        });
        await AuthenticateAsync(client, flags.Duration("dial-timeout")).ConfigureAwait(false);
        return client;
    }

    /// <summary>Makes one call and gives its answer.</summary>
    public async Task<T> CallAsync<T>(EtcdClient client, Func<CallInvoker, CallOptions, AsyncUnaryCall<T>> call,
        bool isRead = false) =>
        await client.CallAsync(call, isRead).ConfigureAwait(false);

    /// <summary>Connects, makes one call, and gives its answer.</summary>
    public async Task<T> CallAsync<T>(Func<CallInvoker, CallOptions, AsyncUnaryCall<T>> call, bool isRead = false)
    {
        await using EtcdClient client = await ConnectAsync().ConfigureAwait(false);
        return await client.CallAsync(call, isRead).ConfigureAwait(false);
    }

    private (string? User, string? Password) Credentials()
    {
        string user = flags.Text("user"), password = flags.Text("password");
        if (user.Length == 0 || flags.Text("auth-jwt-token").Length > 0)
        {
            return (null, null);
        }

        if (password.Length > 0)
        {
            return (user, password);
        }

        string[] parts = user.Split(':', 2);
        if (parts.Length == 2)
        {
            return parts[1].Length == 0 ? (null, null) : (parts[0], parts[1]);
        }

        return (user, Passwords.Ask("Password: "));
    }

    /// <summary>A client of another cluster, whose flags begin with "dest-".</summary>
    public async Task<EtcdClient> ConnectToDestinationAsync(string endpoint)
    {
        string user = flags.Text("dest-user"), password = flags.Text("dest-password");
        if (user.Length > 0 && password.Length == 0)
        {
            string[] parts = user.Split(':', 2);
            (user, password) = parts.Length == 2 ? (parts[0], parts[1]) : (user, Passwords.Ask("Destination Password: "));
        }

        var client = new EtcdClient(new EtcdClientOptions
        {
            Endpoints = [endpoint],
            CallTimeout = null,
            WaitsForMember = true,
            User = user.Length > 0 ? user : null,
            Password = password,
            Tls = Tls("dest-", !flags.Boolean("dest-insecure-transport"), skips: false, [endpoint]),
        });
        await AuthenticateAsync(client, flags.Duration("dial-timeout")).ConfigureAwait(false);
        return client;
    }

    /// <summary>Gets the token first, so that a wrong password has an exit code of its own.</summary>
    private static async Task AuthenticateAsync(EtcdClient client, TimeSpan limit)
    {
        using var cancellation = new CancellationTokenSource(limit);
        try
        {
            await client.AuthenticateAsync(cancellation.Token).ConfigureAwait(false);
        }
        catch (Exception error) when (error is EtcdException or OperationCanceledException)
        {
            await client.DisposeAsync().ConfigureAwait(false);
            throw new CommandException(ExitCodes.BadConnection,
                cancellation.IsCancellationRequested ? "context deadline exceeded" : CtlProgram.TextOf(error));
        }
    }

    private SslClientAuthenticationOptions? Tls()
    {
        bool skips = flags.Boolean("insecure-skip-tls-verify");
        return Tls("", skips || !flags.Boolean("insecure-transport"), skips, Endpoints);
    }

    private SslClientAuthenticationOptions? Tls(string prefix, bool isAsked, bool skips, IReadOnlyList<string> endpoints)
    {
        string cert = flags.Text(prefix + "cert"), key = flags.Text(prefix + "key"), authority = flags.Text(prefix + "cacert");
        foreach ((string name, string value) in ((string, string)[])[("cert", cert), ("key", key), ("cacert", authority)])
        {
            if (flags.IsSet(prefix + name) && value.Length == 0)
            {
                throw CommandException.BadArguments($"empty string is passed to --{prefix}{name} option");
            }
        }

        bool isWanted = cert.Length + key.Length + authority.Length > 0 || isAsked
            || endpoints.Any(endpoint => endpoint.Trim().StartsWith("https://", StringComparison.Ordinal));
        if (!isWanted)
        {
            return null;
        }

        if ((cert.Length > 0) != (key.Length > 0))
        {
            throw CommandException.BadArguments($"KeyFile and CertFile must both be present[key: {key}, cert: {cert}]");
        }

        foreach (string file in ((string[])[cert, key, authority]).Where(file => file.Length > 0 && !File.Exists(file)))
        {
            throw CommandException.BadArguments($"open {file}: no such file or directory");
        }

        var options = new SslClientAuthenticationOptions();
        if (cert.Length > 0)
        {
            options.ClientCertificates = [X509Certificate2.CreateFromPemFile(cert, key)];
        }

        var trusted = new X509Certificate2Collection();
        if (authority.Length > 0)
        {
            trusted.ImportFromPemFile(authority);
        }

        options.RemoteCertificateValidationCallback = (_, certificate, chain, errors) =>
            skips || Accepts(certificate, chain, trusted, errors);
        return options;
    }

    private static bool Accepts(X509Certificate? certificate, X509Chain? sent, X509Certificate2Collection trusted,
        SslPolicyErrors errors)
    {
        if (trusted.Count == 0 || certificate is not X509Certificate2 shown)
        {
            return errors == SslPolicyErrors.None;
        }

        if ((errors & ~SslPolicyErrors.RemoteCertificateChainErrors) != 0)
        {
            return false;
        }

        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.AddRange(trusted);
        chain.ChainPolicy.ExtraStore.AddRange(sent?.ChainPolicy.ExtraStore ?? []);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        return chain.Build(shown);
    }

    private static TimeSpan Max(TimeSpan one, TimeSpan other) => one > other ? one : other;
}
