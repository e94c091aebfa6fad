using System.Net.Security;

namespace Quorate.Client;

/// <summary>How a client reaches a cluster. Immutable: a copy with changes is made by <c>with</c>.</summary>
public sealed record EtcdClientOptions
{
    /// <summary>Client URLs of members, such as http://127.0.0.1:2379; a host and port alone means http.</summary>
    public IReadOnlyList<string> Endpoints { get; init; } = ["http://127.0.0.1:2379"];

    /// <summary>Time for one call; null for no limit.</summary>
    public TimeSpan? CallTimeout { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Time to connect to one member.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>
    /// When no member can be reached, try on until the time of the call is over, rather than fail when each was tried twice.
    /// </summary>
    public bool WaitsForMember { get; init; }

    /// <summary>Time between pings of an open connection.</summary>
    public TimeSpan KeepAliveTime { get; init; } = TimeSpan.FromSeconds(10);

    public TimeSpan KeepAliveTimeout { get; init; } = TimeSpan.FromSeconds(6);

    /// <summary>A user, with <see cref="Password"/>; null to call without one.</summary>
    public string? User { get; init; }

    public string? Password { get; init; }

    /// <summary>A token that is sent as it is, in the place of a user.</summary>
    public string? Token { get; init; }

    /// <summary>Certificates and their checks, for https endpoints; null for the system's defaults.</summary>
    public SslClientAuthenticationOptions? Tls { get; init; }

    /// <summary>Bytes of the largest answer; null for no limit.</summary>
    public int? MaxReceiveBytes { get; init; }

    /// <summary>Bytes of the largest request; null for no limit.</summary>
    public int? MaxSendBytes { get; init; }
}
