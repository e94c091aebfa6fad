using System.Collections.Concurrent;
using Quorate.Raft;
using Quorate.Storage.Wal;

namespace Quorate.Server.Replication;

/// <summary>
/// Writes the log: everything that came while the disk was busy goes into the next write, which one sync makes durable. Then what waited for
/// that may be sent.
/// </summary>
internal sealed class LogWriter(WriteAheadLog log, SnapshotFiles snapshots, IPeerTransport transport, TimeProvider time, MemberLog lines)
    : Worker("log-writer")
{
    private static readonly TimeSpan s_slowSync = TimeSpan.FromSeconds(1);

    private readonly ConcurrentQueue<object> _queue = new();
    private readonly List<Append> _appends = [];
    private readonly List<Message> _messages = [];
    private long _workSince;
    private ulong _saved;
    private ulong _recorded;

    /// <summary>
    /// The last snapshot in the log. An own one that was taken before a later one was received comes too late: behind it the log has a gap.
    /// </summary>
    private ulong _newest;

    public required Func<MemberLoop> Loop { get; init; }

    /// <summary>Told of how long each sync took.</summary>
    public Action<TimeSpan>? Synced { get; set; }

    public required Operations.MemberMetrics Metrics { get; init; }

    /// <summary>For how long the disk has been busy with one write; zero if it is not.</summary>
    public TimeSpan Stalled => Volatile.Read(ref _workSince) is var since && since != 0 ? time.GetElapsedTime(since) : TimeSpan.Zero;

    /// <summary>Appends are done in order. One that nobody waits for is left until the next one or the next tick.</summary>
    public void Enqueue(Append append)
    {
        _queue.Enqueue(append);
        bool onlyCommits = append is { MustSync: false, Snapshot: null, HardState: not null, Entries.Count: 0, MessagesAfter.Count: 0 };
        if (!onlyCommits)
        {
            Wake();
        }
    }

    /// <summary>Records a snapshot whose file is durable, and gives up what only older ones needed.</summary>
    public void Record(SnapshotMetadata snapshot)
    {
        _queue.Enqueue(snapshot);
        Wake();
    }

    public void WakeIfWaiting()
    {
        if (!_queue.IsEmpty)
        {
            Wake();
        }
    }

    /// <summary>Makes everything durable that was handed over; for a clean end, when the loop does not run any more.</summary>
    public void Finish()
    {
        Work();
        log.Sync();
        log.Dispose();
    }

    /// <summary>Closes the log as it is.</summary>
    public void Abandon() => log.Dispose();

    protected override void Work()
    {
        if (_queue.IsEmpty)
        {
            return;
        }

        Volatile.Write(ref _workSince, time.GetTimestamp());
        bool mustSync = false;
        _saved = _recorded = 0;
        while (_queue.TryDequeue(out object? next))
        {
            if (next is Append append)
            {
                if (append.Snapshot is { } snapshot)
                {
                    // The commit index goes before entries that follow the snapshot: without it a restart would take an older one, from
                    // which there is a gap to them.
                    snapshots.Save(snapshot);
                    Save(snapshot.Metadata);
                    Write(append.HardState, []);
                    Write(null, append.Entries);
                }
                else
                {
                    Write(append.HardState, append.Entries);
                }

                mustSync |= append.MustSync;
                _appends.Add(append);
            }
            else
            {
                var own = (SnapshotMetadata)next;
                if (own.Index > _newest)
                {
                    Save(own);
                    _recorded = Math.Max(_recorded, own.Index);
                }
            }
        }

        if (mustSync)
        {
            Sync();
        }

        if (_saved > 0)
        {
            // Only now is the commit index durable that the snapshot needs.
            log.ReleaseTo(_saved);
        }

        if (_recorded > 0)
        {
            // Of received ones that are not installed yet the applier still needs the databases.
            snapshots.RemoveDatabasesBefore(_recorded);
        }

        Volatile.Write(ref _workSince, 0);
        Acknowledge();
    }

    private void Write(HardState? state, IReadOnlyList<Entry> entries)
    {
        long start = time.GetTimestamp(), bytes = 0;
        log.Append(state, entries);
        foreach (Entry entry in entries)
        {
            bytes += entry.Data.Length;
        }

        Metrics.WalWrite.Observe(time.GetElapsedTime(start));
        Metrics.WalBytes.Add(bytes);
    }

    private void Sync()
    {
        long start = time.GetTimestamp();
        log.Sync();
        TimeSpan took = time.GetElapsedTime(start);
        Synced?.Invoke(took);
        if (took > s_slowSync)
        {
            lines.Warn("slow fdatasync", ("took", took.ToString()), ("expected-duration", "1s"));
        }
    }

    private void Acknowledge()
    {
        if (_appends.Count == 0)
        {
            return;
        }

        MemberLoop loop = Loop();
        foreach (Append append in _appends)
        {
            _messages.AddRange(append.MessagesAfter);
            loop.Post(new LoopEvent(LoopEventKind.Appended, 0, append), wake: false);
        }

        _appends.Clear();
        if (_messages.Count > 0)
        {
            transport.Send(_messages.ToArray());
            _messages.Clear();
        }

        loop.Wake();
    }

    private void Save(SnapshotMetadata snapshot)
    {
        log.SaveSnapshot(new WalSnapshot(snapshot.Index, snapshot.Term, snapshot.ConfState));
        _saved = Math.Max(_saved, snapshot.Index);
        _newest = Math.Max(_newest, snapshot.Index);
    }
}
