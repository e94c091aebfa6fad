using System.Net;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Quorate.Server.Api;
using Quorate.Server.Logging;
using Quorate.Server.Operations;
using Quorate.Server.Operations.Compaction;
using Quorate.Server.Replication;
using Quorate.Server.Security;

namespace Quorate.Server.Hosting;

/// <summary>How settings reach the parts of a server.</summary>
public sealed partial class EtcdServer
{
    private const string ClientUsage = "1.3.6.1.5.5.7.3.2", ServerUsage = "1.3.6.1.5.5.7.3.1";

    private static MemberOptions ToMemberOptions(EtcdOptions options, EtcdLog log) => new()
    {
        Name = options.Name,
        DataDirectory = options.DataDirectory,
        WalDirectory = options.Text("wal-dir"),
        PeerUrls = [.. options.Urls("initial-advertise-peer-urls").Select(url => url.Text)],
        ClientUrls = [.. options.Urls("advertise-client-urls").Select(url => url.Text)],
        InitialCluster = options.ParseInitialCluster(),
        InitialClusterToken = options.Text("initial-cluster-token"),
        JoinsExisting = options.Text("initial-cluster-state") == "existing",
        ForceNewCluster = options.Boolean("force-new-cluster"),
        CompatVersion = options.CompatVersion,
        HeartbeatInterval = TimeSpan.FromMilliseconds(options.Integer("heartbeat-interval")),
        ElectionTimeout = TimeSpan.FromMilliseconds(options.Integer("election-timeout")),
        PreVote = options.Boolean("pre-vote"),
        InitialElectionTickAdvance = options.Boolean("initial-election-tick-advance"),
        StrictReconfigCheck = options.Boolean("strict-reconfig-check"),
        MaxLearners = (int)options.Integer("max-learners"),
        SnapshotCount = options.Integer("snapshot-count") is > 0 and long count ? (ulong)count : 10_000,
        SnapshotCatchUpEntries = options.Integer("snapshot-catchup-entries") is > 0 and long catchUp ? (ulong)catchUp : 5_000,
        QuotaBackendBytes = options.Integer("quota-backend-bytes"),
        MaxRequestBytes = (int)options.Integer("max-request-bytes"),
        MaxSnapshots = (int)options.Integer("max-snapshots"),
        MaxWals = (int)options.Integer("max-wals"),
        BackendBatchInterval = options.Duration("backend-batch-interval", TimeSpan.FromMilliseconds(100)),
        BackendBatchLimit = options.Integer("backend-batch-limit") is > 0 and long limit ? (int)limit : 10_000,
        UnsafeNoSync = options.Boolean("unsafe-no-fsync"),
        LeaseCheckpoint = options.Gates.IsEnabled("LeaseCheckpoint"),
        LeaseCheckpointPersist = options.Gates.IsEnabled("LeaseCheckpointPersist"),
        PriorityRequest = options.Gates.IsEnabled("PriorityRequest"),
        CompactionBatchLimit = options.Integer("compaction-batch-limit") is > 0 and long batch ? (int)batch : 1000,
        CompactionSleepInterval = options.Duration("compaction-sleep-interval", TimeSpan.FromMilliseconds(10)),
        BootstrapDefragThresholdBytes = options.Integer("bootstrap-defrag-threshold-megabytes") * 1024 * 1024,
        DowngradeCheckInterval = options.Duration("downgrade-check-time", TimeSpan.FromSeconds(5)),
        BcryptCost = options.Integer("bcrypt-cost") is >= 4 and <= 31 and long cost ? (int)cost : 10,
        AuthToken = options.Text("auth-token"),
        AuthTokenTtl = (int)options.Integer("auth-token-ttl"),
        WarningApplyDuration = options.Duration("warning-apply-duration", TimeSpan.FromMilliseconds(100)),
        ResolveUrl = ResolveAsync,
        Metrics = new Operations.MemberMetrics(options.Text("metrics") == "extensive"),
        Log = log.Write,
    };

    private static ApiOptions ToApiOptions(EtcdOptions options) => new()
    {
        MaxTxnOperations = (int)options.Integer("max-txn-ops"),
        WatchProgressInterval = options.Duration("watch-progress-notify-interval", TimeSpan.FromMinutes(10)) is { TotalMilliseconds: >= 100 } interval
            ? interval
            : TimeSpan.FromMilliseconds(100),
        ClientCertAuth = options.Boolean("client-cert-auth"),
        EnableGateway = options.Boolean("enable-grpc-gateway"),
        CorsOrigins = options.List("cors"),
        HostWhitelist = options.List("host-whitelist"),
        SlowCall = options.Duration("warning-unary-request-duration", TimeSpan.FromMilliseconds(300)),
        StopOnDefrag = options.Gates.IsEnabled("StopGRPCServiceOnDefrag"),
    };

    private static OperationsOptions ToOperationsOptions(EtcdOptions options) => new()
    {
        Retention = CompactionRetention.Parse(options.Text("auto-compaction-mode"), options.Text("auto-compaction-retention")),
        InitialCorruptionCheck = options.Gates.IsEnabled("InitialCorruptCheck"),
        CorruptionCheckInterval = options.Duration("corrupt-check-time"),
        CompactionHashInterval = options.Gates.IsEnabled("CompactHashCheck") ? options.Duration("compact-hash-check-time") : TimeSpan.Zero,
    };

    private static TlsFiles ClientTls(EtcdOptions options) => new()
    {
        CertFile = options.Text("cert-file"),
        KeyFile = options.Text("key-file"),
        ClientCertFile = options.Text("client-cert-file"),
        ClientKeyFile = options.Text("client-key-file"),
        TrustedCaFile = options.Text("trusted-ca-file"),
        ClientCertAuth = options.Boolean("client-cert-auth"),
        CrlFile = options.Text("client-crl-file"),
        AllowedHostnames = options.List("client-cert-allowed-hostname"),
        Protocols = Protocols(options),
    };

    private static TlsFiles PeerTls(EtcdOptions options) => new()
    {
        CertFile = options.Text("peer-cert-file"),
        KeyFile = options.Text("peer-key-file"),
        ClientCertFile = options.Text("peer-client-cert-file"),
        ClientKeyFile = options.Text("peer-client-key-file"),
        TrustedCaFile = options.Text("peer-trusted-ca-file"),
        ClientCertAuth = options.Boolean("peer-client-cert-auth"),
        CrlFile = options.Text("peer-crl-file"),
        AllowedNames = options.List("peer-cert-allowed-cn"),
        AllowedHostnames = options.List("peer-cert-allowed-hostname"),
        Protocols = Protocols(options),
    };

    private static SslProtocols Protocols(EtcdOptions options) =>
        (options.Text("tls-min-version") == "TLS1.3" ? SslProtocols.None : SslProtocols.Tls12)
        | (options.Text("tls-max-version") == "TLS1.2" ? SslProtocols.None : SslProtocols.Tls13);

    /// <summary>How this member connects to others.</summary>
    private static SocketsHttpHandler PeerHandler(TlsFiles tls, EtcdOptions options)
    {
        var handler = new SocketsHttpHandler
        {
            ConnectTimeout = TimeSpan.FromSeconds(1) + TimeSpan.FromMilliseconds(options.Integer("election-timeout")),
            PooledConnectionIdleTimeout = TimeSpan.FromSeconds(4),
            MaxConnectionsPerServer = 1024,
            UseCookies = false,
        };
        handler.SslOptions.EnabledSslProtocols = tls.Protocols;
        handler.SslOptions.RemoteCertificateValidationCallback = (_, certificate, chain, errors) =>
            (errors & ~SslPolicyErrors.RemoteCertificateChainErrors) == 0 && tls.Fault(certificate as X509Certificate2, chain, ServerUsage) is null;
        if (tls.IsConfigured)
        {
            handler.SslOptions.LocalCertificateSelectionCallback = (_, _, _, _, _) => tls.ClientCertificate()!;
        }

        return handler;
    }

    private static void Listen(KestrelServerOptions kestrel, EtcdUrl url, TlsFiles tls, bool servesGrpc)
    {
        if (url.IsUnix)
        {
            string path = Path.GetFullPath(url.Host);
            File.Delete(path);
            kestrel.ListenUnixSocket(path, endpoint =>
            {
                endpoint.Protocols = !servesGrpc ? HttpProtocols.Http1 : url.IsTls ? HttpProtocols.Http1AndHttp2 : HttpProtocols.Http2;
                if (url.IsTls)
                {
                    Secure(endpoint, tls);
                }
            });
            return;
        }

        IPAddress address = url.Host == "localhost" ? IPAddress.Loopback : IPAddress.Parse(url.Host);
        var place = new IPEndPoint(address, url.Port);
        if (url.IsTls)
        {
            kestrel.Listen(place, endpoint =>
            {
                endpoint.Protocols = servesGrpc ? HttpProtocols.Http1AndHttp2 : HttpProtocols.Http1;
                Secure(endpoint, tls);
            });
        }
        else if (servesGrpc)
        {
            kestrel.Listen(new SplitEndPoint(place, isHttp2: true), endpoint => endpoint.Protocols = HttpProtocols.Http2);
            kestrel.Listen(new SplitEndPoint(place, isHttp2: false), endpoint => endpoint.Protocols = HttpProtocols.Http1);
        }
        else
        {
            kestrel.Listen(place, endpoint => endpoint.Protocols = HttpProtocols.Http1);
        }
    }

    private static void Secure(ListenOptions endpoint, TlsFiles tls) => endpoint.UseHttps(https =>
    {
        https.ServerCertificateSelector = (_, _) => tls.Certificate();
        https.OnAuthenticate = (_, ssl) =>
        {
            // The selector gives a certificate alone; clients need the ones between it and the authority too.
            ssl.ServerCertificateSelectionCallback = null;
            ssl.ServerCertificateContext = tls.CertificateWithChain();
        };
        https.HandshakeTimeout = TimeSpan.FromSeconds(10);
        https.SslProtocols = tls.Protocols;
        https.ClientCertificateMode = tls.DemandsCertificate ? ClientCertificateMode.RequireCertificate : ClientCertificateMode.NoCertificate;
        https.ClientCertificateValidation = (certificate, chain, _) => tls.Fault(certificate, chain, ClientUsage) is null;
    });

    private static async Task<string> ResolveAsync(string text, CancellationToken cancellation)
    {
        EtcdUrl url = EtcdUrl.Parse(text);
        if (url.IsUnix || IPAddress.TryParse(url.Host, out _))
        {
            return text;
        }

        IPAddress[] addresses = await Dns.GetHostAddressesAsync(url.Host, cancellation).ConfigureAwait(false);
        IPAddress address = addresses.FirstOrDefault(each => each.AddressFamily == System.Net.Sockets.AddressFamily.InterNetwork) ?? addresses[0];
        return $"{url.Scheme}://{address}:{url.Port}";
    }
}
