namespace Quorate.Simulation.Clients;

/// <summary>What a client knows of a lease of its own.</summary>
public sealed class LeaseHistory
{
    public required long Id { get; init; }

    public required string Key { get; init; }

    public TimeSpan Ttl { get; set; }

    /// <summary>Of the put that hung the key on it; 0 if that was not acknowledged.</summary>
    public long PutRevision { get; set; }

    /// <summary>Virtual time until which the last acknowledged renewal keeps it.</summary>
    public TimeSpan KeptUntil { get; set; }
}
