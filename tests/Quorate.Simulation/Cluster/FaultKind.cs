namespace Quorate.Simulation.Cluster;

/// <summary>What can go wrong, and what an operator does meanwhile.</summary>
public enum FaultKind
{
    /// <summary>Messages are lost, doubled, late.</summary>
    Links,

    /// <summary>Machines in two groups do not hear each other.</summary>
    Partition,

    /// <summary>One direction of some links is cut.</summary>
    OneWay,

    /// <summary>A machine loses power; unsynced writes are lost in whole or in part.</summary>
    PowerLoss,

    /// <summary>A machine loses power in the middle of an operation on its disk.</summary>
    PowerLossAtWrite,

    /// <summary>All machines lose power at once.</summary>
    PowerLossOfAll,

    /// <summary>A process ends; all that it wrote stays.</summary>
    Kill,

    /// <summary>A process stands still for a while.</summary>
    Pause,

    /// <summary>Syncs take long.</summary>
    SlowDisk,

    TransferLeadership,

    AddMember,

    RemoveMember,

    Compact,

    Defragment,
}
