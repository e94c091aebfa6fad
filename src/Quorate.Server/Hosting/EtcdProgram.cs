using System.Collections;
using System.Runtime.InteropServices;
using Quorate.Auth;
using Quorate.Server.Logging;
using Quorate.Server.Membership;
using Quorate.Server.Replication;
using Quorate.Storage;

namespace Quorate.Server.Hosting;

/// <summary>The program etcd: arguments in, exit code out (spec 06 §1, §7, §11.5).</summary>
public static partial class EtcdProgram
{
    public static async Task<int> RunAsync(string[] arguments)
    {
        EtcdOptions options;
        EtcdLog log = EtcdLog.Default;
        try
        {
            options = EtcdOptions.FromCommandLine(arguments, Environment.GetEnvironmentVariables().Cast<DictionaryEntry>()
                .ToDictionary(entry => (string)entry.Key, entry => (string?)entry.Value ?? ""));
            if (options.Boolean("version"))
            {
                Console.Out.Write(VersionText(options));
                return 0;
            }
        }
        catch (FlagException error)
        {
            await Console.Error.WriteLineAsync($"{error.Message}\n{Usage}").ConfigureAwait(false);
            return 2;
        }
        catch (ShadowedVariableException error)
        {
            log.Fatal(error.Message, ("environment-variable", error.Variable));
            return 1;
        }
        catch (OptionsException error)
        {
            log.Info("Running: ", ("args", (string[])["etcd", .. arguments]));
            log.Warn("failed to verify flags", ("error", error.Message));
            return 1;
        }

        foreach ((string level, string message, (string, object?)[] fields) in options.Notes)
        {
            log.Write(level, message, fields);
        }

        log.Info("Running: ", ("args", (string[])["etcd", .. arguments]));
        try
        {
            options.Validate();
            if (!Enum.TryParse(options.Text("log-level"), ignoreCase: true, out LogLevel level))
            {
                await Console.Error.WriteLineAsync($"panic: unrecognized level: \"{options.Text("log-level")}\"").ConfigureAwait(false);
                return 2;
            }

            log = new EtcdLog(level, options.List("log-outputs"), options.Text("log-format") == "console", TimeProvider.System);
        }
        catch (OptionsException error)
        {
            log.Warn("failed to verify flags", ("error", error.Message));
            return 1;
        }
        catch (IOException error)
        {
            log.Warn("failed to verify flags", ("error", $"open sink: {error.Message}"));
            return 1;
        }

        if (options.Name == "default")
        {
            log.Warn("it isn't recommended to use default name, please set a value for --name. Note that etcd might run into issue when multiple members "
                + "have the same default name");
        }

        if (options.Text("data-dir").Length == 0)
        {
            log.Warn("'data-dir' was empty; using default", ("data-dir", options.DataDirectory));
        }

        foreach (string name in ServerFlags.WithoutEffect.Where(options.IsSet))
        {
            log.Warn("flag has no effect", ("flag", name));
        }

        return await ServeAsync(options, log).ConfigureAwait(false);
    }

    private static async Task<int> ServeAsync(EtcdOptions options, EtcdLog log)
    {
        var signalled = new TaskCompletionSource<PosixSignal>(TaskCreationOptions.RunContinuationsAsynchronously);
        void Take(PosixSignalContext signal)
        {
            signal.Cancel = true;
            signalled.TrySetResult(signal.Signal);
        }

        using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Take);
        using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Take);
        log.Info("starting an etcd server", ("etcd-version", EtcdVersion.FullFor(options.CompatVersion)), ("quorate-version", QuorateVersion),
            ("name", options.Name), ("data-dir", options.DataDirectory), ("listen-peer-urls", options.PeerListenUrls.Select(url => url.Text)),
            ("listen-client-urls", options.ClientListenUrls.Select(url => url.Text)), ("initial-cluster", options.InitialCluster),
            ("initial-cluster-state", options.Text("initial-cluster-state")), ("feature-gates", options.Gates.ToString()));

        // On a thread of its own: the start may wait for a database that another process has open, and a signal ends that.
        Task<EtcdServer> starting = Task.Run(() => EtcdServer.StartAsync(options, log, CancellationToken.None));
        await Task.WhenAny(starting, signalled.Task).ConfigureAwait(false);
        if (!starting.IsCompleted)
        {
            return EndBy(await signalled.Task.ConfigureAwait(false));
        }

        EtcdServer server;
        try
        {
            server = await starting.ConfigureAwait(false);
        }
        catch (Exception error) when (error is IOException or StorageException or OptionsException or AuthException or BootstrapException
            or UnauthorizedAccessException or System.Net.Sockets.SocketException or FormatException or InvalidOperationException)
        {
            log.Fatal("discovery failed", ("error", error.Message));
            return 1;
        }

        await using (server)
        {
            Notify("READY=1");
            Task<string> stopped = server.Stopped;
            await Task.WhenAny(stopped, signalled.Task).ConfigureAwait(false);
            Notify("STOPPING=1");
            if (signalled.Task.IsCompleted)
            {
                PosixSignal signal = await signalled.Task.ConfigureAwait(false);
                log.Info("received signal; shutting down", ("signal", signal == PosixSignal.SIGTERM ? "terminated" : "interrupt"));
                await server.StopAsync().ConfigureAwait(false);
                return EndBy(signal);
            }

            string reason = await stopped.ConfigureAwait(false);
            log.Error("server error", ("error", reason));
            bool wasRemoved = reason.Contains("removed", StringComparison.Ordinal);
            if (wasRemoved)
            {
                log.Error("data-dir used by this member must be removed");
            }

            await server.StopAsync().ConfigureAwait(false);
            return wasRemoved ? 0 : 1;
        }
    }

    /// <summary>
    /// Ends the process by the signal itself, so that who waits for it sees what ended it; as the first process of a container, where
    /// the signal has no default action, with 0 (spec 06 §11.3).
    /// </summary>
    private static int EndBy(PosixSignal which)
    {
        const int Interrupt = 2, Terminate = 15, DefaultAction = 0;
        if (Environment.ProcessId != 1 && !OperatingSystem.IsWindows())
        {
            int number = which == PosixSignal.SIGTERM ? Terminate : Interrupt;
            _ = signal(number, DefaultAction);
            _ = kill(Environment.ProcessId, number);
            Thread.Sleep(Timeout.Infinite);
        }

        return 0;
    }

    [LibraryImport("libc")]
    private static partial nint signal(int number, nint action);

    [LibraryImport("libc")]
    private static partial int kill(int process, int number);

    private static string QuorateVersion => typeof(EtcdProgram).Assembly.GetName().Version?.ToString(3) ?? "0.0.0";

    private static string VersionText(EtcdOptions options) =>
        $"""
        etcd Version: {EtcdVersion.FullFor(options.CompatVersion)}
        Git SHA: quorate
        Go Version: none ({RuntimeInformation.FrameworkDescription})
        Go OS/Arch: {(OperatingSystem.IsLinux() ? "linux" : OperatingSystem.IsMacOS() ? "darwin" : "windows")}/{Architecture}
        Quorate Version: {QuorateVersion}

        """;

    private static string Architecture => RuntimeInformation.ProcessArchitecture switch
    {
        System.Runtime.InteropServices.Architecture.X64 => "amd64",
        System.Runtime.InteropServices.Architecture.Arm64 => "arm64",
        var other => other.ToString().ToLowerInvariant(),
    };

    private const string Usage = """
        Usage:

          etcd [flags]
            Start an etcd server.

          etcd --version
            Show the version of etcd.

          etcd -h | --help
            Show the help information about etcd.

          etcd --config-file
            Path to the server configuration file. Note that if a configuration file is provided, other command line flags and environment variables will be ignored.
        """;

    /// <summary>Tells systemd, where it listens (sd_notify).</summary>
    private static void Notify(string state)
    {
        string? path = Environment.GetEnvironmentVariable("NOTIFY_SOCKET");
        if (string.IsNullOrEmpty(path) || OperatingSystem.IsWindows())
        {
            return;
        }

        try
        {
            using var socket = new System.Net.Sockets.Socket(System.Net.Sockets.AddressFamily.Unix, System.Net.Sockets.SocketType.Dgram, System.Net.Sockets.ProtocolType.Unspecified);
            socket.SendTo(System.Text.Encoding.ASCII.GetBytes(state),
                new System.Net.Sockets.UnixDomainSocketEndPoint(path[0] == '@' ? "\0" + path[1..] : path));
        }
        catch (System.Net.Sockets.SocketException)
        {
            // Nobody listens; the server runs all the same.
        }
    }
}
