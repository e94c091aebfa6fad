namespace Quorate.Raft;

/// <summary>How a leader sends to a member (spec 08 §7).</summary>
public enum ProgressState
{
    /// <summary>One append at a time, until it is known where the logs agree.</summary>
    Probe,

    /// <summary>Appends one after another without waiting, as far as the window allows.</summary>
    Replicate,

    /// <summary>Nothing: a snapshot is on its way.</summary>
    Snapshot,
}
