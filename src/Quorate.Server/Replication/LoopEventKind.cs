namespace Quorate.Server.Replication;

internal enum LoopEventKind
{
    /// <summary>Payload: the Append that is done.</summary>
    Appended,

    /// <summary>Number: the last applied index.</summary>
    Applied,

    /// <summary>Payload: a <see cref="ConfigurationApplied"/>.</summary>
    ConfigurationApplied,

    /// <summary>The first entry of a leadership was applied. Number: its term.</summary>
    LeaderEntryApplied,

    /// <summary>Number: the member.</summary>
    Unreachable,

    /// <summary>Number: the member that the snapshot was sent to.</summary>
    SnapshotSent,

    SnapshotFailed,

    /// <summary>Number: the member to hand over to.</summary>
    Transfer,

    /// <summary>Payload: an Action to run on the loop.</summary>
    Call,
}
