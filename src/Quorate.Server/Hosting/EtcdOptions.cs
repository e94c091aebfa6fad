using Quorate.Protocol;

namespace Quorate.Server.Hosting;

/// <summary>
/// The settings of a server under their flags' names. They come from a command line and the environment
/// (<see cref="FromCommandLine"/>), from a file, or from a program that embeds a member.
/// </summary>
public sealed partial class EtcdOptions
{
    private readonly Dictionary<string, string> _values;

    public EtcdOptions(IReadOnlyDictionary<string, string>? values = null)
    {
        _values = new Dictionary<string, string>(values ?? new Dictionary<string, string>());
        foreach ((string name, string value) in _values)
        {
            FlagDefinition flag = ServerFlags.ByName.GetValueOrDefault(name) ?? throw new ArgumentException($"no such flag: {name}");
            if (flag.Fault(value) is { } fault)
            {
                throw new ArgumentException($"invalid value \"{value}\" for {name}: {fault}");
            }
        }
    }

    /// <summary>Lines to be logged when logging is set up: level, message, fields.</summary>
    public IReadOnlyList<(string Level, string Message, (string Key, object? Value)[] Fields)> Notes { get; init; } = [];

    public FeatureGates Gates => new(Text("feature-gates"));

    public string Name => Text("name");

    public string DataDirectory => Text("data-dir") is { Length: > 0 } directory ? directory : $"{Name}.etcd";

    public Version CompatVersion => Version.Parse(Text("compat-version"));

    public IReadOnlyList<EtcdUrl> PeerListenUrls => Urls("listen-peer-urls");

    public IReadOnlyList<EtcdUrl> ClientListenUrls => Urls("listen-client-urls");

    public string InitialCluster => Text("initial-cluster") is { Length: > 0 } cluster
        ? cluster
        : string.Join(',', Urls("initial-advertise-peer-urls").Select(url => $"{Name}={url.Text}"));

    /// <summary>Names with their peer URLs; <see cref="OptionsException"/> for a bad one.</summary>
    public IReadOnlyList<(string Name, IReadOnlyList<string> PeerUrls)> ParseInitialCluster()
    {
        var members = new Dictionary<string, List<string>>();
        foreach (string pair in InitialCluster.Split(',').Where(pair => pair.Length > 0))
        {
            string[] parts = pair.Split('=', 2);
            if (parts.Length == 2 && parts[1].Length > 0)
            {
                if (EtcdUrl.Fault(parts[1]) is { } fault)
                {
                    throw new OptionsException($"error setting up initial cluster: {fault}");
                }

                if (!members.TryGetValue(parts[0], out List<string>? urls))
                {
                    members[parts[0]] = urls = [];
                }

                urls.Add(parts[1]);
            }
        }

        return [.. members.Select(pair => (pair.Key, (IReadOnlyList<string>)[.. pair.Value.Order(StringComparer.Ordinal)]))];
    }

    /// <summary>Whether a value was given.</summary>
    public bool IsSet(string name) => _values.ContainsKey(name);

    public string Text(string name) => _values.TryGetValue(name, out string? value) ? value : ServerFlags.ByName[name].Default;

    public bool Boolean(string name) => FlagDefinition.TryBoolean(Text(name), out bool value) && value;

    public long Integer(string name) => FlagDefinition.TryInteger(Text(name), out Int128 value) ? (long)Int128.Min(value, long.MaxValue) : 0;

    public TimeSpan Duration(string name) => Durations.TryParse(Text(name), out TimeSpan value) ? value : default;

    /// <summary>A duration; the other one if it is 0.</summary>
    public TimeSpan Duration(string name, TimeSpan whenZero) => Duration(name) is { Ticks: > 0 } value ? value : whenZero;

    public IReadOnlyList<EtcdUrl> Urls(string name) =>
        EtcdUrl.ParseList(Text(name) is { Length: > 0 } text ? text : ServerFlags.ByName[name].Default);

    public IReadOnlyList<string> List(string name) =>
        [.. Text(name).Split(',').Where(item => item.Length > 0).Distinct().Order(StringComparer.Ordinal)];

    /// <summary>The checks that look at several settings, in etcd's order (spec 06 §7.2).</summary>
    public void Validate()
    {
        Require(Text("discovery-fallback") != "proxy", "v2 proxy is deprecated, and --discovery-fallback can't be configured as \"proxy\"");
        Require(Text("logger") != "capnslog", "--logger=capnslog is removed in v3.5");
        Require(Text("logger") == "zap", $"unknown logger option \"{Text("logger")}\"");
        Require(List("log-outputs") is not { Count: > 1 } outputs || !outputs.Contains("default"), "multi logoutput for \"default\" is not supported yet");
        Require(Text("log-format") is "json" or "console", $"unknown log format: {Text("log-format")}, supported values json, console");
        foreach (string name in (string[])["listen-peer-urls", "listen-client-urls", "listen-client-http-urls", "listen-metrics-urls"])
        {
            foreach (EtcdUrl url in Urls(name).Where(url => !url.IsUnix))
            {
                Require(url.Host == "localhost" || System.Net.IPAddress.TryParse(url.Host, out _), $"expected IP in URL for binding ({url.Text})");
            }
        }

        foreach (EtcdUrl url in Urls("initial-advertise-peer-urls").Where(url => url.Host.Length == 0))
        {
            throw new OptionsException($"--initial-advertise-peer-urls \"{url.Text}\" must be \"host:port\" (unexpected empty host ({url.Text}))");
        }

        foreach (EtcdUrl url in Urls("advertise-client-urls").Where(url => url.Host.Length == 0))
        {
            throw new OptionsException($"--advertise-client-urls \"{url.Text}\" must be in the format \"host:port\", \"unix:/path/to/socket\" or "
                + $"\"unixs:/path/to/socket\" (unexpected empty host ({url.Text}))");
        }

        int bootstraps = ((string[])["initial-cluster", "discovery-srv", "discovery-endpoints"]).Count(name => Text(name).Length > 0);
        Require(bootstraps <= 1, "multiple discovery or bootstrap flags are set. Choose one of \"initial-cluster\", \"discovery-endpoints\" or \"discovery-srv\"");
        Require((Text("discovery-token").Length > 0) == (Text("discovery-endpoints").Length > 0), "both --discovery-token and --discovery-endpoints must be set");
        foreach (string name in (string[])["discovery-srv", "discovery-endpoints", "auto-tls", "peer-auto-tls"])
        {
            Require(Text(name) is "" or "false", $"--{name} is not available; give --initial-cluster and certificate files");
        }

        Require(List("cipher-suites").Count == 0 || Text("tls-min-version") == "TLS1.3", "--cipher-suites is not available");

        long heartbeat = Integer("heartbeat-interval"), election = Integer("election-timeout");
        Require(heartbeat > 0, "--heartbeat-interval must be >0 (set to 0ms)");
        Require(election > 0, "--election-timeout must be >0 (set to 0ms)");
        Require(5 * heartbeat <= election, $"--election-timeout[{election}ms] should be at least as 5 times as --heartbeat-interval[{heartbeat}ms]");
        Require(election <= 50000, $"--election-timeout[{election}ms] is too long, and should be set less than 50000ms");
        Require(!IsSet("listen-client-urls") || IsSet("advertise-client-urls") || IsFromFile,
            "--advertise-client-urls is required when --listen-client-urls is set explicitly");
        Require(Text("auto-compaction-mode") is "periodic" or "revision",
            Text("auto-compaction-mode").Length == 0 ? "undefined auto-compaction-mode" : $"unknown auto-compaction-mode \"{Text("auto-compaction-mode")}\"");
        if (Boolean("enable-distributed-tracing"))
        {
            long rate = Integer("distributed-tracing-sampling-rate");
            Require(rate >= 0, "distributed tracing configurition is not valid: (tracing sampling rate must be positive)");
            Require(rate <= 1_000_000, "distributed tracing configurition is not valid: (tracing sampling rate must be less than 1000000)");
        }

        FeatureGates gates = Gates;
        Require(!gates.IsEnabled("LeaseCheckpointPersist") || gates.IsEnabled("LeaseCheckpoint"),
            "enabling feature gate LeaseCheckpointPersist requires enabling feature gate LeaseCheckpoint");
        Require(Duration("compact-hash-check-time") > TimeSpan.Zero, "--compact-hash-check-time must be >0 (set to 0s)");
        foreach (string name in (string[])["tls-min-version", "tls-max-version"])
        {
            Require(Text(name) is "" or "TLS1.2" or "TLS1.3", $"unexpected TLS version \"{Text(name)}\" (must be one of: TLS1.2, TLS1.3)");
        }

        Require(Text("tls-min-version") != "TLS1.3" || Text("tls-max-version") != "TLS1.2", "min version (TLS1.3) is greater than max version (TLS1.2)");
        Require(Text("tls-min-version") != "TLS1.3" || List("cipher-suites").Count == 0, "cipher suites cannot be configured when only TLS1.3 is enabled");
    }

    /// <summary>The settings come from a file, for which one rule is different.</summary>
    public bool IsFromFile { get; init; }

    private static void Require(bool condition, string message)
    {
        if (!condition)
        {
            throw new OptionsException(message);
        }
    }
}
