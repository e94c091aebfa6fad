using Quorate.Protocol;
using Quorate.Server.Replication;

namespace Quorate.Server.Operations.Compaction;

/// <summary>A member as it is compacted on its own: through the log, in nobody's name.</summary>
public sealed class MemberCompaction(IMember member) : ICompactionTarget
{
    public long Revision => member.Keyspace.Revision;

    public bool IsPaused => !member.IsLeader;

    public async Task CompactAsync(long revision, CancellationToken cancellation) => await member
        .ProposeAsync(new InternalRaftRequest { Compaction = new CompactionRequest { Revision = revision } }, cancellation)
            .ConfigureAwait(false);

    public void Log(string level, string message, params (string Key, object? Value)[] fields) =>
        member.Options.Log?.Invoke(level, message, fields);
}
