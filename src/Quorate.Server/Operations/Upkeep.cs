using Quorate.Protocol;
using Quorate.Server.Operations.Compaction;
using Quorate.Server.Operations.Corruption;
using Quorate.Server.Replication;

namespace Quorate.Server.Operations;

/// <summary>
/// Runs what a member does for itself, beside what it is asked for: compaction on its own, comparing data, watching its space.
/// </summary>
public sealed class Upkeep : IAsyncDisposable
{
    private const long LargeQuota = 8L * 1024 * 1024 * 1024;

    private static readonly TimeSpan s_spaceInterval = TimeSpan.FromSeconds(30);

    private readonly CancellationTokenSource _ending = new();
    private readonly IMember _member;
    private readonly List<Task> _tasks = [];
    private int _told;

    public Upkeep(IMember member, IPeerTransport transport, OperationsOptions options)
    {
        _member = member;
        TimeProvider time = member.Options.Time;
        if (member.Options.QuotaBackendBytes > LargeQuota)
        {
            Log("warn", "quota exceeds the maximum value", ("quota-name", "v3-applier"),
                ("quota-size-bytes", member.Options.QuotaBackendBytes),
                ("quota-maximum-size-bytes", LargeQuota));
        }

        var target = new MemberCompaction(member);
        if (options.Retention.Period > TimeSpan.Zero)
        {
            _tasks.Add(new PeriodicCompaction(target, options.Retention.Period, time).RunAsync(_ending.Token));
        }
        else if (options.Retention.Revisions > 0)
        {
            _tasks.Add(new RevisionCompaction(target, options.Retention.Revisions, time).RunAsync(_ending.Token));
        }

        var checks = new CorruptionChecks(member, transport);
        if (options.CorruptionCheckInterval > TimeSpan.Zero)
        {
            _tasks.Add(RepeatAsync(options.CorruptionCheckInterval, checks.CheckPeriodicallyAsync, "failed to check hash KV"));
        }

        if (options.CompactionHashInterval > TimeSpan.Zero)
        {
            _tasks.Add(RepeatAsync(options.CompactionHashInterval, checks.CheckCompactionsAsync, "failed compaction hash check"));
        }

        _tasks.Add(RepeatAsync(s_spaceInterval, _ => WatchSpace(), "failed to look at the database's size"));
    }

    public async ValueTask DisposeAsync()
    {
        await _ending.CancelAsync().ConfigureAwait(false);
        await Task.WhenAll(_tasks).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _ending.Dispose();
    }

    private async Task RepeatAsync(TimeSpan interval, Func<CancellationToken, Task> round, string failure)
    {
        using var timer = new PeriodicTimer(interval, _member.Options.Time);
        while (await timer.WaitForNextTickAsync(_ending.Token).ConfigureAwait(false))
        {
            try
            {
                await round(_ending.Token).ConfigureAwait(false);
            }
            catch (Exception error) when (error is EtcdException or IOException or HttpRequestException)
            {
                Log("warn", failure, ("error", error.Message));
            }
        }
    }

    /// <summary>
    /// Warns once at each mark that the database passes on its way to the quota, and again after it has become smaller.
    /// </summary>
    private Task WatchSpace()
    {
        ReadOnlySpan<int> marks = [80, 90];
        long quota = _member.Quota, size = _member.Backend.Size;
        int passed = 0;
        foreach (int mark in marks)
        {
            passed += quota > 0 && size >= quota / 100.0 * mark ? 1 : 0;
        }

        if (passed > _told)
        {
            Log("warn", "database size is close to its quota", ("percent", marks[passed - 1]), ("db-size", size),
                ("quota-size-bytes", quota));
        }

        _told = passed;
        return Task.CompletedTask;
    }

    private void Log(string level, string message, params (string Key, object? Value)[] fields) =>
        _member.Options.Log?.Invoke(level, message, fields);
}
