namespace Quorate.Simulation.Histories;

/// <summary>One change of one key, as the store went through it; the value is null for a deletion.</summary>
public sealed record StoredChange(long Revision, string Key, string? Value)
{
    /// <summary>The modification revision of the key after it; 0 if there is none then.</summary>
    public long LiveRevision => Value is null ? 0 : Revision;
}
