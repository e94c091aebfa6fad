using Quorate.Raft;
using Quorate.Simulation.Disks;
using Quorate.Storage.Wal;

namespace Quorate.Storage.Tests.Wal;

/// <summary>The log on a disk that loses, keeps or tears what was not synced.</summary>
public sealed class WalCrashTests
{
    private const string Directory = "/data/member/wal";

    [Fact]
    public void After_any_crash_the_log_is_what_was_synced_and_perhaps_some_more_of_what_followed()
    {
        for (int seed = 1; seed <= 60; seed++)
        {
            var random = new Random(seed);
            var disk = new SimulatedDisk(seed);
            var model = new Model();
            Create(disk);
            for (int incarnation = 0; incarnation < 6; incarnation++)
            {
                try
                {
                    (WriteAheadLog log, WalContents contents) = WriteAheadLog.Open(disk.Mount(), Directory, default);
                    model.Adopt(contents, $"seed {seed}, incarnation {incarnation}");
                    disk.CrashAfter(random.Next(1, 120));
                    while (true)
                    {
                        model.Grow(log, random);
                        if (random.Next(3) == 0)
                        {
                            log.Sync();
                            model.Synced();
                        }
                    }
                }
                catch (SimulatedCrashException)
                {
                    disk.Crash((CrashLoss)random.Next(4));
                }
            }
        }
    }

    [Fact]
    public void The_end_of_the_log_that_a_received_snapshot_replaced_does_not_come_back()
    {
        var disk = new SimulatedDisk(1);
        Create(disk);
        (WriteAheadLog log, _) = WriteAheadLog.Open(disk.Mount(), Directory, default);
        log.Append(new HardState(3, 0, 10), [.. Range(1, 30, term: 3)]);
        log.Sync();
        log.SaveSnapshot(new WalSnapshot(20, 5, new ConfState { Voters = [1] }));
        log.Append(new HardState(5, 0, 20), []);
        log.Sync();
        disk.Crash(CrashLoss.All);
        Assert.Empty(WriteAheadLog.Read(disk.Mount(), Directory, new WalSnapshot(20, 5, null)).Entries);

        // Nor when the log went on behind the snapshot, and a later snapshot is begun with.
        (log, _) = WriteAheadLog.Open(disk.Mount(), Directory, new WalSnapshot(20, 5, null));
        log.Append(new HardState(7, 0, 23), [.. Range(21, 23, term: 7)]);
        log.SaveSnapshot(new WalSnapshot(23, 7, new ConfState { Voters = [1] }));
        disk.Crash(CrashLoss.All);
        Assert.Empty(WriteAheadLog.Read(disk.Mount(), Directory, new WalSnapshot(23, 7, null)).Entries);
    }

    private static void Create(SimulatedDisk disk)
    {
        SimulatedFileSystem files = disk.Mount();
        files.CreateDirectory("/data/member");
        files.SyncDirectory("/");
        files.SyncDirectory("/data");
        WriteAheadLog.Create(files, Directory, [1, 2, 3]).Dispose();
    }

    private static IEnumerable<Entry> Range(ulong first, ulong last, ulong term)
    {
        for (ulong index = first; index <= last; index++)
        {
            yield return new Entry(term, index, EntryType.Normal, new byte[] { (byte)index });
        }
    }

    /// <summary>All records in the order in which they were written, and how many of them must be there after a crash.</summary>
    private sealed class Model
    {
        private readonly List<object> _records = [];
        private int _synced;
        private ulong _term = 1;
        private ulong _last;

        public void Grow(WriteAheadLog log, Random random)
        {
            _term += (ulong)random.Next(3) / 2;
            ulong first = _last == 0 ? 1 : _last + 1 - (ulong)random.Next(2) * (ulong)random.NextInt64(0, Math.Min(5, (long)_last));
            var entries = new List<Entry>();
            for (int i = random.Next(4); i > 0; i--, first++)
            {
                var data = new byte[random.Next(2) == 0 ? random.Next(40) : random.Next(3_000)];
                random.NextBytes(data);
                entries.Add(new Entry(_term, first, EntryType.Normal, data));
                _last = first;
            }

            HardState? state = random.Next(2) == 0 ? new HardState(_term, (ulong)random.Next(4), _last) : null;
            _records.AddRange(entries.Cast<object>());
            if (state is not null)
            {
                _records.Add(state.Value);
            }

            log.Append(state, entries);
        }

        public void Synced() => _synced = _records.Count;

        public void Adopt(WalContents contents, string context)
        {
            for (int count = _synced; count <= _records.Count; count++)
            {
                (List<Entry> entries, HardState state) = Fold(count);
                if (state == contents.HardState && entries.Select(Describe).SequenceEqual(contents.Entries.Select(Describe)))
                {
                    _records.RemoveRange(count, _records.Count - count);
                    _synced = count;
                    _last = entries.Count == 0 ? 0 : entries[^1].Index;
                    return;
                }
            }

            Assert.Fail($"{context}: {contents.Entries.Count} entries and {contents.HardState} are no continuation of {_synced} synced records");
        }

        private (List<Entry> Entries, HardState State) Fold(int count)
        {
            var entries = new List<Entry>();
            HardState state = default;
            foreach (object record in _records.Take(count))
            {
                if (record is Entry entry)
                {
                    entries.RemoveRange((int)entry.Index - 1, entries.Count - (int)entry.Index + 1);
                    entries.Add(entry);
                }
                else
                {
                    state = (HardState)record;
                }
            }

            return (entries, state);
        }

        private static string Describe(Entry entry) => $"{entry.Index}@{entry.Term}:{Convert.ToHexString(entry.Data.Span)}";
    }
}
