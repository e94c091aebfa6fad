using Google.Protobuf;
using Quorate.Mvcc;
using Quorate.Protocol.KeyValues;
using Quorate.Simulation.Histories;
using Quorate.Simulation.Time;

namespace Quorate.Simulation.Cluster;

/// <summary>
/// What the replicated store went through: the first machine that applies a revision says what it holds, and all others, and
/// every replay after a crash, must agree (spec 08 §20.4, N5 and N16).
/// </summary>
public sealed class Truth(Scheduler scheduler)
{
    private readonly SortedDictionary<long, Revision> _revisions = [];

    public long Last { get; private set; } = 1;

    public int Count => _revisions.Count;

    /// <summary>In the order of revisions.</summary>
    public IEnumerable<StoredChange> Changes => _revisions.SelectMany(pair =>
        pair.Value.Changes.Select(change => new StoredChange(pair.Key, change.Key, change.Value)));

    /// <summary>A machine has applied a revision.</summary>
    public void Applied(int machine, long revision, IReadOnlyList<Change> changes)
    {
        Item[] items = [.. changes.Select(change => new Item(
            Text(change.Key),
            change.Row is null ? null : KeyValue.Parser.ParseFrom(change.Row).Value.ToStringUtf8(),
            change.Row is null ? "" : Convert.ToHexString(change.Row)))];
        if (_revisions.TryGetValue(revision, out Revision? first))
        {
            Expect(first.Changes.SequenceEqual(items),
                $"machine {machine} has another revision {revision} than machine {first.Machine}: {Describe(items)} and {Describe(first.Changes)}");
            return;
        }

        Expect(revision == Last + 1, $"machine {machine} went on with revision {revision} after {Last}");
        _revisions[revision] = new Revision(machine, scheduler.Now, items);
        Last = revision;
    }

    /// <summary>When a revision was there first, in virtual time.</summary>
    public TimeSpan TimeOf(long revision) => _revisions.TryGetValue(revision, out Revision? known) ? known.Time : TimeSpan.Zero;

    /// <summary>What watchers of everything must be told of a revision, in order.</summary>
    public IReadOnlyList<(string Key, string? Value)> EventsOf(long revision) =>
        _revisions.TryGetValue(revision, out Revision? known) ? [.. known.Changes.Select(item => (item.Key, item.Value))] : [];

    public static void Expect(bool condition, string message)
    {
        if (!condition)
        {
            throw new SimulationFailure(message);
        }
    }

    private static string Describe(IEnumerable<Item> items) => string.Join(", ", items.Select(item => $"{item.Key}={item.Value}"));

    private static string Text(byte[] bytes) => ByteString.CopyFrom(bytes).ToStringUtf8();

    private sealed record Revision(int Machine, TimeSpan Time, Item[] Changes);

    private sealed record Item(string Key, string? Value, string Row);
}
