namespace Quorate.Storage.Bolt;

/// <summary>How a database is opened.</summary>
public sealed record BoltOptions
{
    /// <summary>Opened for reading only: no lock is taken, and nothing is written.</summary>
    public bool ReadOnly { get; init; }

    /// <summary>Bytes of address space for the file to grow into; a file that outgrows it is mapped anew.</summary>
    public long InitialMapSize { get; init; } = 10L * 1024 * 1024 * 1024;

    /// <summary>Bytes by which the file grows at least.</summary>
    public long GrowthStep { get; init; } = 16 * 1024 * 1024;

    /// <summary>Page size of a file that is made; an existing one has its own.</summary>
    public int PageSize { get; init; } = 4096;

    /// <summary>Leaves out all syncs.</summary>
    public bool UnsafeNoSync { get; init; }

    /// <summary>Called each time that the lock of the file is not to be had, before it is tried again; null to give up then.</summary>
    public Action? WaitForLock { get; init; }
}
