namespace Quorate.Raft.Tests;

/// <summary>Spec 08 §19.5 and §8.9: the log in memory, and what an acknowledgement of the disk says about it.</summary>
public sealed class RaftLogTests
{
    [Theory]
    [InlineData("1,2,3", 2, 4, true)]
    [InlineData("1,2,3", 3, 4, true)]
    [InlineData("1,2,3", 4, 4, true)]
    [InlineData("1,2,3", 4, 2, false)]
    [InlineData("1,2,3", 2, 3, false)]
    [InlineData("1,2,3", 3, 3, true)]
    [InlineData("1,2,3", 4, 3, true)]
    public void Up_to_date_is_judged_by_term_and_then_by_index(string terms, ulong index, ulong term, bool expected) =>
        Assert.Equal(expected, Log(terms).IsUpToDate(index, term));

    [Theory]
    [InlineData("1@1 2@2 3@3 4@4 5@4", "1,2,3,4,4")]
    [InlineData("3@3 4@4 5@4", "1,2,3,4,4")]
    [InlineData("2@2 3@3", "1,2,3")]
    [InlineData("2@2", "1,2,3")]
    [InlineData("2@4 3@4", "1,4,4")]
    [InlineData("1@1 2@2 3@4", "1,2,4")]
    public void A_merge_replaces_from_the_first_conflict_and_never_truncates_what_agrees(string entries, string expected)
    {
        RaftLog log = Log("1,2,3");
        log.Merge(Entries(entries));
        Assert.Equal(expected, string.Join(',', log.Slice(1, log.LastIndex, ulong.MaxValue).Select(entry => entry.Term)));
    }

    [Fact]
    public void A_conflict_with_a_committed_entry_is_fatal()
    {
        RaftLog log = Log("1,2,3");
        log.CommitTo(1);
        Assert.Equal("entry 1 conflict with committed entry [committed(1)]",
            Assert.Throws<RaftFatalException>(() => log.Merge(Entries("1@4"))).Message);
    }

    [Fact]
    public void Commit_never_falls_and_never_passes_the_end()
    {
        RaftLog log = Log("1,2,3");
        log.CommitTo(2);
        log.CommitTo(1);
        Assert.Equal(2UL, log.Committed);
        Assert.Equal("tocommit(4) is out of range [lastIndex(3)]. Was the raft log corrupted, truncated, or lost?",
            Assert.Throws<RaftFatalException>(() => log.CommitTo(4)).Message);
    }

    [Fact]
    public void Terms_are_known_from_the_compacted_entry_on()
    {
        RaftLog log = Log(string.Join(',', Enumerable.Repeat(1, 1000)));
        log.CommitTo(1000);
        log.AppliedTo(1000);
        log.Compact(500);
        Assert.Null(log.TermAt(499));
        Assert.Equal(1UL, log.TermAt(500));
        Assert.Equal(1UL, log.TermAt(1000));
        Assert.Null(log.TermAt(1001));
        Assert.Throws<RaftFatalException>(() => log.Slice(500, 600, ulong.MaxValue));
        Assert.Throws<RaftFatalException>(() => log.Slice(999, 1001, ulong.MaxValue));
        log.Append(new Entry(1, 1001, EntryType.Normal, default));
        Assert.Equal(1001UL, log.LastIndex);
    }

    [Fact]
    public void A_slice_holds_at_least_one_entry_and_else_no_more_than_its_size()
    {
        RaftLog log = Log(string.Join(',', Enumerable.Repeat(1, 100)));
        ulong size = (ulong)RaftWire.SizeOf(log[50]);
        (ulong, int)[] cases = [(0UL, 1), (size - 1, 1), (size, 1), ((2 * size) - 1, 1), (2 * size, 2), (5 * size, 5)];
        foreach ((ulong limit, int count) in cases)
        {
            Entry[] slice = log.Slice(50, 100, limit);
            Assert.Equal(Enumerable.Range(50, count).Select(i => (ulong)i), slice.Select(entry => entry.Index));
        }
    }

    [Fact]
    public void A_late_acknowledgement_does_not_make_a_rewritten_entry_durable()
    {
        // D05: 12@1 on its way to the disk is overwritten by 12@2 and again by 12@3.
        RaftLog log = Log("1");
        log.Append(new Entry(1, 2, EntryType.Normal, default));
        ulong first = log.TakeUnsent().AppendId;
        log.Merge(Entries("2@2"));
        ulong second = log.TakeUnsent().AppendId;
        log.Merge(Entries("2@3"));
        log.Appended(first);
        Assert.Equal(1UL, log.Durable);
        log.Appended(second);
        Assert.Equal(1UL, log.Durable);
        log.Appended(log.TakeUnsent().AppendId);
        Assert.Equal(2UL, log.Durable);
    }

    [Fact]
    public void A_late_acknowledgement_says_nothing_about_the_log_behind_a_received_snapshot()
    {
        RaftLog log = Log("1,1");
        log.Merge(Entries("3@1 4@1 5@1"));
        ulong before = log.TakeUnsent().AppendId;
        log.Restore(new Snapshot(new SnapshotMetadata(4, 2, ConfState.Empty), default));
        log.Merge(Entries("5@2"));
        log.CommitTo(5);
        (ulong after, Entry[] entries, Snapshot? snapshot) = log.TakeUnsent();
        Assert.Equal([5UL], entries.Select(entry => entry.Index));
        log.Appended(before);
        Assert.Equal(4UL, log.Durable);
        Assert.False(log.HasCommitted(100));
        Assert.True(log.Appended(after));
        Assert.NotNull(snapshot);
        Assert.Equal([5UL], log.TakeCommitted(100).Select(entry => entry.Index));
    }

    [Fact]
    public void Entries_are_handed_out_for_applying_while_less_than_the_limit_is_being_applied()
    {
        RaftLog log = Log("1,1,1,1,1");
        ulong size = (ulong)RaftWire.SizeOf(log[1]);
        log.CommitTo(5);
        Assert.Equal([1UL, 2], log.TakeCommitted(2 * size).Select(entry => entry.Index));
        Assert.False(log.HasCommitted(2 * size));
        Assert.Empty(log.TakeCommitted(2 * size));
        log.AppliedTo(1);
        Assert.Equal([3UL], log.TakeCommitted(2 * size).Select(entry => entry.Index));
        log.AppliedTo(3);
        Assert.Equal([4UL, 5], log.TakeCommitted(2 * size).Select(entry => entry.Index));
        Assert.Throws<RaftFatalException>(() => log.AppliedTo(2));
        Assert.Throws<RaftFatalException>(() => log.AppliedTo(6));
    }

    [Fact]
    public void A_log_with_a_gap_or_with_falling_terms_is_refused()
    {
        Assert.Throws<RaftFatalException>(() => new RaftLog(0, 0, Entries("1@1 3@1")));
        Assert.Throws<RaftFatalException>(() => new RaftLog(0, 0, Entries("1@2 2@1")));
        Assert.Throws<RaftFatalException>(() => new RaftLog(4, 2, Entries("5@1")));
    }

    private static RaftLog Log(string terms) =>
        new(0, 0, terms.Split(',').Select((term, i) => new Entry(ulong.Parse(term), (ulong)i + 1, EntryType.Normal, default)));

    private static Entry[] Entries(string text) =>
        [.. text.Split(' ').Select(word => word.Split('@')).Select(parts =>
            new Entry(ulong.Parse(parts[1]), ulong.Parse(parts[0]), EntryType.Normal, default))];
}
