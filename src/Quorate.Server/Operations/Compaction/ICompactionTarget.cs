namespace Quorate.Server.Operations.Compaction;

/// <summary>What is compacted, as the schedules see it.</summary>
public interface ICompactionTarget
{
    long Revision { get; }

    /// <summary>Somebody else compacts: only the leader does.</summary>
    bool IsPaused { get; }

    /// <summary>Compacts; an <see cref="Protocol.EtcdException"/> if it does not work out.</summary>
    Task CompactAsync(long revision, CancellationToken cancellation);

    void Log(string level, string message, params (string Key, object? Value)[] fields);
}
