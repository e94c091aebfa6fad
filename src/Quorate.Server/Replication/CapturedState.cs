using Quorate.Mvcc.Backing;
using Quorate.Raft;
using Quorate.Storage.Bolt;

namespace Quorate.Server.Replication;

/// <summary>
/// The state at an index, whose database was just committed. It is good only while it is handed over: the next commit comes afterwards.
/// </summary>
internal sealed record CapturedState(ulong Index, ulong Term, ConfState Configuration, byte[] Membership, Backend Backend)
{
    public Snapshot ToSnapshot() => new(new SnapshotMetadata(Index, Term, Configuration), Membership);

    /// <summary>A view of the database, to be disposed.</summary>
    public BoltReadTransaction Database() => Backend.BeginCopy();
}
