using Microsoft.Extensions.Time.Testing;
using Quorate.Protocol;
using Quorate.Server.Operations.Compaction;

namespace Quorate.Server.Tests.Operations;

/// <summary>Compaction on its own, by a clock that the tests turn (spec 03 §5.1).</summary>
public sealed class CompactionTests
{
    [Theory]
    [InlineData("periodic", "0", 0, 0)]
    [InlineData("periodic", "", 0, 0)]
    [InlineData("periodic", "2", 7200, 0)]
    [InlineData("periodic", "1h30m", 5400, 0)]
    [InlineData("revision", "1000", 0, 1000)]
    [InlineData("revision", "1s", 0, 1_000_000_000)]
    public void Retention_is_hours_revisions_or_a_duration(string mode, string text, int seconds, long revisions) =>
        Assert.Equal(new CompactionRetention(TimeSpan.FromSeconds(seconds), revisions), CompactionRetention.Parse(mode, text));

    [Fact]
    public void Anything_else_is_refused() =>
        Assert.StartsWith("error parsing CompactionRetention: ",
            Assert.Throws<FormatException>(() => CompactionRetention.Parse("periodic", "soon")).Message);

    [Fact]
    public async Task Five_seconds_are_kept_of_a_history_of_one_revision_a_half_second()
    {
        var target = new Target();
        var time = new FakeTimeProvider();
        await TickAsync(new PeriodicCompaction(target, TimeSpan.FromSeconds(5), time), time, target, seconds: 20);
        Assert.Equal([(5.0, 1L), (10.0, 11L), (15.0, 21L), (20.0, 31L)], target.Compactions);
    }

    [Fact]
    public async Task A_day_is_kept_by_compacting_each_hour_from_the_second_day_on()
    {
        var target = new Target();
        var time = new FakeTimeProvider();
        var compaction = new PeriodicCompaction(target, TimeSpan.FromHours(24), time);
        Assert.Equal(TimeSpan.FromMinutes(6), compaction.Interval);
        await TickAsync(compaction, time, target, seconds: 27 * 3600);
        Assert.Equal([24.0, 25, 26, 27], target.Compactions.Select(compaction => compaction.At / 3600));
        Assert.Equal([1L, 11, 21, 31], target.Compactions.Select(compaction => compaction.Revision));
    }

    [Fact]
    public async Task Who_does_not_lead_samples_and_waits()
    {
        var target = new Target { IsPaused = true };
        var time = new FakeTimeProvider();
        var compaction = new PeriodicCompaction(target, TimeSpan.FromSeconds(5), time);
        await TickAsync(compaction, time, target, seconds: 12);
        Assert.Empty(target.Compactions);
        target.IsPaused = false;
        await TickAsync(compaction, time, target, seconds: 0.5);
        Assert.Equal([(12.5, 16L)], target.Compactions);
    }

    [Fact]
    public async Task A_failure_is_tried_again_after_an_interval_and_one_that_was_compacted_is_none()
    {
        var target = new Target { Failure = EtcdErrors.TimedOut };
        var time = new FakeTimeProvider();
        var compaction = new PeriodicCompaction(target, TimeSpan.FromSeconds(5), time);
        await TickAsync(compaction, time, target, seconds: 5.5);
        Assert.Equal([5.0, 5.5], target.Compactions.Select(compaction => compaction.At));
        target.Failure = EtcdErrors.Compacted;
        await TickAsync(compaction, time, target, seconds: 2);
        Assert.Equal([5.0, 5.5, 6], target.Compactions.Select(compaction => compaction.At));
        Assert.Equal(["starting auto periodic compaction", "failed auto periodic compaction"], target.Lines.Take(2));
        Assert.Equal("completed auto periodic compaction", target.Lines[^1]);
    }

    [Fact]
    public async Task A_number_of_revisions_is_kept_every_five_minutes()
    {
        var target = new Target { Revision = 100 };
        var time = new FakeTimeProvider();
        var compaction = new RevisionCompaction(target, 60, time);
        await compaction.TickAsync(CancellationToken.None);
        await compaction.TickAsync(CancellationToken.None);
        target.Revision = 150;
        await compaction.TickAsync(CancellationToken.None);
        target.IsPaused = true;
        target.Revision = 200;
        await compaction.TickAsync(CancellationToken.None);
        Assert.Equal([40L, 90L], target.Compactions.Select(compaction => compaction.Revision));
        Assert.Equal(TimeSpan.FromMinutes(5), RevisionCompaction.Interval);
    }

    /// <summary>Turns the clock an interval at a time, with one more revision in each.</summary>
    private static async Task TickAsync(PeriodicCompaction compaction, FakeTimeProvider time, Target target, double seconds)
    {
        if (!target.HasBegun)
        {
            target.HasBegun = true;
            using var stopped = new CancellationTokenSource();
            Task first = compaction.RunAsync(stopped.Token);
            await stopped.CancelAsync();
            await first.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        for (double passed = 0; passed < seconds - 0.001; passed += compaction.Interval.TotalSeconds)
        {
            time.Advance(compaction.Interval);
            target.Now += compaction.Interval.TotalSeconds;
            target.Revision++;
            await compaction.TickAsync(CancellationToken.None);
        }
    }

    private sealed class Target : ICompactionTarget
    {
        public long Revision { get; set; } = 1;

        public bool IsPaused { get; set; }

        public bool HasBegun { get; set; }

        public double Now { get; set; }

        public EtcdException? Failure { get; set; }

        public List<(double At, long Revision)> Compactions { get; } = [];

        public List<string> Lines { get; } = [];

        public Task CompactAsync(long revision, CancellationToken cancellation)
        {
            Compactions.Add((Math.Round(Now, 3), revision));
            return Failure is null ? Task.CompletedTask : Task.FromException(Failure);
        }

        public void Log(string level, string message, params (string Key, object? Value)[] fields) => Lines.Add(message);
    }
}
