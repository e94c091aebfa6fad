namespace Quorate.Simulation.Cluster;

/// <summary>A bug that is put in to see that it is found.</summary>
public enum PlantedBug
{
    None,

    /// <summary>Disks say that they synced, and did not.</summary>
    LyingDisks,

    /// <summary>Reads that should be linearizable do not ask the leader.</summary>
    StaleReads,

    /// <summary>Members take messages that are for another one.</summary>
    MisdirectedMessages,
}
