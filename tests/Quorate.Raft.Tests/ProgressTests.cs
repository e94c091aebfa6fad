namespace Quorate.Raft.Tests;

/// <summary>Spec 08 §19.8.</summary>
public sealed class ProgressTests
{
    [Theory]
    [InlineData(2, false, 3, 5)]
    [InlineData(3, false, 3, 5)]
    [InlineData(4, true, 4, 5)]
    [InlineData(5, true, 5, 6)]
    public void An_acceptance_moves_match_and_next_forward(ulong index, bool isNews, ulong match, ulong next)
    {
        Progress progress = Probe(3, 5);
        Assert.Equal(isNews, progress.Accept(index));
        Assert.Equal((match, next), (progress.Match, progress.Next));
    }

    [Theory]
    [InlineData(ProgressState.Replicate, 5, 10, 5, 5, false, 10)]
    [InlineData(ProgressState.Replicate, 5, 10, 4, 4, false, 10)]
    [InlineData(ProgressState.Replicate, 5, 10, 9, 9, true, 6)]
    [InlineData(ProgressState.Probe, 0, 10, 5, 5, false, 10)]
    [InlineData(ProgressState.Probe, 0, 10, 9, 9, true, 9)]
    [InlineData(ProgressState.Probe, 0, 10, 9, 2, true, 3)]
    [InlineData(ProgressState.Probe, 0, 10, 9, 0, true, 1)]
    [InlineData(ProgressState.Probe, 0, 2, 1, 1, true, 1)]
    [InlineData(ProgressState.Probe, 0, 1, 0, 0, true, 1)]
    [InlineData(ProgressState.Probe, 5, 10, 9, 2, true, 6)]
    public void A_refusal_moves_next_back_but_never_to_match(
        ProgressState state, ulong match, ulong next, ulong rejected, ulong hint, bool isGenuine, ulong expected)
    {
        Progress progress = state == ProgressState.Probe ? Probe(match, next) : Replicate(match, next);
        Assert.Equal(isGenuine, progress.Reject(rejected, hint));
        Assert.Equal(expected, progress.Next);
        Assert.True(progress.Match < progress.Next);
    }

    [Fact]
    public void A_probe_begins_behind_match_or_behind_the_snapshot()
    {
        Progress replicate = Replicate(1, 5);
        replicate.BecomeProbe();
        Assert.Equal((ProgressState.Probe, 2UL), (replicate.State, replicate.Next));

        Progress arrived = Probe(1, 5), failed = Probe(1, 5);
        arrived.BecomeSnapshot(10);
        arrived.BecomeProbe();
        Assert.Equal(11UL, arrived.Next);
        failed.BecomeSnapshot(10);
        failed.SnapshotFailed();
        failed.BecomeProbe();
        Assert.Equal(2UL, failed.Next);
    }

    [Fact]
    public void The_window_is_freed_up_to_what_was_acknowledged()
    {
        var window = new Inflights(10, 0);
        for (ulong i = 0; i < 10; i++)
        {
            window.Add(i, 100 + i);
        }

        Assert.True(window.IsFull);
        Assert.Throws<RaftFatalException>(() => window.Add(10, 1));
        foreach ((ulong acknowledged, int left) in new[] { (0UL, 9), (4UL, 5), (8UL, 1) })
        {
            window.FreeTo(acknowledged);
            Assert.Equal(left, window.Count);
        }

        window.FreeTo(3);
        Assert.Equal(1, window.Count);
    }

    [Theory]
    [InlineData(8, 400, 4)]
    [InlineData(8, 406, 4)]
    [InlineData(15, 408, 5)]
    [InlineData(15, 0, 15)]
    public void The_window_is_full_by_number_or_softly_by_bytes(int size, ulong bytes, int expected)
    {
        var window = new Inflights(size, bytes);
        ulong i = 0;
        for (; !window.IsFull; i++)
        {
            window.Add(i, 100 + i);
        }

        Assert.Equal(expected, window.Count);
        if (bytes == 400)
        {
            window.FreeTo(2);
            for (int more = 0; more < 3; more++, i++)
            {
                Assert.False(window.IsFull);
                window.Add(i, 100 + i);
            }

            Assert.True(window.IsFull);
        }
    }

    private static Progress Probe(ulong match, ulong next)
    {
        var progress = new Progress(new Inflights(256, 0), next);
        progress.Reset(match, next);
        return progress;
    }

    private static Progress Replicate(ulong match, ulong next)
    {
        Progress progress = Probe(match, next);
        progress.BecomeReplicate();
        progress.SentEntries((int)(next - match - 1), 0);
        return progress;
    }
}
