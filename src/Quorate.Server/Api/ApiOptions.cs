namespace Quorate.Server.Api;

/// <summary>What the services of a member are set to.</summary>
public sealed record ApiOptions
{
    /// <summary>Operations in one transaction.</summary>
    public int MaxTxnOperations { get; init; } = 128;

    /// <summary>Time between periodic answers of progress to watches that ask for them.</summary>
    public TimeSpan WatchProgressInterval { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>Callers may be known by the common name of their certificate.</summary>
    public bool ClientCertAuth { get; init; }

    /// <summary>The health service says that nobody should come while the database is defragmented.</summary>
    public bool StopOnDefrag { get; init; }

    /// <summary>JSON over HTTP/1.1 is answered.</summary>
    public bool EnableGateway { get; init; } = true;

    /// <summary>Origins that may read answers in a browser; * for all.</summary>
    public IReadOnlyList<string> CorsOrigins { get; init; } = ["*"];

    /// <summary>Host names that requests without TLS may have; * for all.</summary>
    public IReadOnlyList<string> HostWhitelist { get; init; } = ["*"];

    /// <summary>A unary call that takes longer is logged.</summary>
    public TimeSpan SlowCall { get; init; } = TimeSpan.FromMilliseconds(300);
}
