namespace Quorate.Server.Replication;

/// <summary>What the loops publish of themselves for everybody to read. Each field has one writer.</summary>
internal sealed class MemberState
{
    private ulong _leader;
    private ulong _term;
    private ulong _committed;
    private ulong _appliedTerm;
    private long _leaderSince;
    private bool _leads;
    private bool _readsAlone;

    public ulong Leader { get => Volatile.Read(ref _leader); set => Volatile.Write(ref _leader, value); }

    public ulong Term { get => Volatile.Read(ref _term); set => Volatile.Write(ref _term, value); }

    public ulong Committed { get => Volatile.Read(ref _committed); set => Volatile.Write(ref _committed, value); }

    public ulong AppliedTerm { get => Volatile.Read(ref _appliedTerm); set => Volatile.Write(ref _appliedTerm, value); }

    /// <summary>Time stamp of when the present leader was first seen.</summary>
    public long LeaderSince { get => Volatile.Read(ref _leaderSince); set => Volatile.Write(ref _leaderSince, value); }

    public bool Leads { get => Volatile.Read(ref _leads); set => Volatile.Write(ref _leads, value); }

    /// <summary>
    /// This member leads, is the only one of the cluster, and has applied an entry of its term. Then nothing can be acknowledged that is not
    /// applied here, and local reads are linearizable as they are.
    /// </summary>
    public bool ReadsAlone { get => Volatile.Read(ref _readsAlone); set => Volatile.Write(ref _readsAlone, value); }
}
