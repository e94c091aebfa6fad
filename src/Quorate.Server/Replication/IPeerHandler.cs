using Quorate.Raft;

namespace Quorate.Server.Replication;

/// <summary>What the transport calls on the member, from any thread; none of it waits.</summary>
public interface IPeerHandler
{
    /// <summary>A message has arrived. A full queue drops it.</summary>
    void Receive(Message message);

    bool IsRemoved(ulong id);

    /// <summary>Whether an id is a member now.</summary>
    bool IsMember(ulong id);

    void ReportUnreachable(ulong id);

    void ReportSnapshot(ulong id, bool failed);

    /// <summary>The other side says that this member was removed from the cluster.</summary>
    void ReportRemoved();

    /// <summary>Where a received database goes before its message is given to <see cref="Receive"/>: see SnapshotFiles.DatabasePathOf.</summary>
    string SnapshotDirectory { get; }
}
