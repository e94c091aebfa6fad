namespace Quorate.Raft;

/// <summary>Settings of the core (spec 08 §2).</summary>
public sealed record RaftOptions
{
    /// <summary>The own id; not 0 and not one of the two highest numbers.</summary>
    public required ulong Id { get; init; }

    /// <summary>Ticks without a leader's message until an election; more than <see cref="HeartbeatTick"/>.</summary>
    public int ElectionTick { get; init; } = 10;

    /// <summary>Ticks between heartbeats.</summary>
    public int HeartbeatTick { get; init; } = 1;

    /// <summary>Bytes of encoded entries in one append; one entry is always allowed.</summary>
    public ulong MaxSizePerMessage { get; init; } = 1024 * 1024;

    /// <summary>Bytes of encoded entries handed out for applying and not acknowledged; one entry is always allowed.</summary>
    public ulong MaxCommittedSizePerReady { get; init; } = 8 * 1024 * 1024;

    /// <summary>Bytes of proposals that a leader holds without having applied them; 0 for no limit.</summary>
    public ulong MaxUncommittedSize { get; init; }

    /// <summary>Appends on their way to one member.</summary>
    public int MaxInflightMessages { get; init; } = 512;

    /// <summary>Bytes on their way to one member; 0 for no limit.</summary>
    public ulong MaxInflightBytes { get; init; }

    public bool CheckQuorum { get; init; } = true;

    public bool PreVote { get; init; } = true;

    public bool DisableProposalForwarding { get; init; }

    /// <summary>
    /// Lets the leader take changes of the configuration that it would refuse; for hosts that check them when they apply.
    /// </summary>
    public bool DisableConfChangeValidation { get; init; }

    /// <summary>A leader trusts its lease, so bounded clock drift, for reads (Raft thesis §6.4.1); etcd never does.</summary>
    public bool LeaseBasedReads { get; init; }

    /// <summary>A leader that is removed, or becomes a learner, steps down at once.</summary>
    public bool StepDownOnRemoval { get; init; }

    /// <summary>
    /// A leader whose disk has not answered an append for an election timeout hands over to the voter that has most; others cannot see
    /// that it is stuck, since its heartbeats go on.
    /// </summary>
    public bool HandsOverWhenStalled { get; init; }

    /// <summary>Applied up to here before the start.</summary>
    public ulong Applied { get; init; }

    /// <summary>The source of election timeouts.</summary>
    public required Random Random { get; init; }

    /// <summary>Takes a line of what happens, as etcd logs it; null for none.</summary>
    public Action<string>? Log { get; init; }

    internal void Validate()
    {
        Require(Id != 0, "cannot use none as id");
        Require(Id < ulong.MaxValue - 1, "cannot use local target as id");
        Require(HeartbeatTick > 0, "heartbeat tick must be greater than 0");
        Require(ElectionTick > HeartbeatTick, "election tick must be greater than heartbeat tick");
        Require(MaxInflightMessages > 0, "max inflight messages must be greater than 0");
        Require(CheckQuorum || !LeaseBasedReads, "CheckQuorum must be enabled when ReadOnlyOption is ReadOnlyLeaseBased");
        Require(MaxInflightBytes == 0 || MaxInflightBytes >= MaxSizePerMessage, "max inflight bytes must be >= max message size");
    }

    private static void Require(bool condition, string message)
    {
        if (!condition)
        {
            throw new ArgumentException(message);
        }
    }
}
