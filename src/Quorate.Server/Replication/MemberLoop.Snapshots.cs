using Quorate.Raft;
using Quorate.Storage.Bolt;

namespace Quorate.Server.Replication;

/// <summary>Snapshots for members that lag, and the part of the log that is kept in memory for them.</summary>
internal sealed partial class MemberLoop
{
    private const int MaxSnapshotsUnderWay = 16;
    private const ulong CompactionStep = 100;

    private static readonly TimeSpan s_holdAfterSnapshot = TimeSpan.FromSeconds(30);

    private readonly Dictionary<ulong, int> _snapshotsUnderWay = [];
    private long _holdLogFrom;
    private bool _holdsLog;

    /// <summary>
    /// What the core is told of the snapshot to send. The real one is taken by the applier afterwards, at this index or a later one.
    /// </summary>
    private Snapshot? DescribeSnapshot()
    {
        ulong applied = _node.LogEntries.Applied;
        return applied == 0 || _node.LogEntries.TermAt(applied) is not { } term
            ? null
            : new Snapshot(new SnapshotMetadata(applied, term, _node.ConfState), default);
    }

    private void BeginSnapshot(Message message)
    {
        if (_snapshotsUnderWay.Values.Sum() >= MaxSnapshotsUnderWay)
        {
            _node.ReportSnapshot(message.To, failed: true);
            return;
        }

        ulong target = message.To, term = message.Term;
        _snapshotsUnderWay[target] = _snapshotsUnderWay.GetValueOrDefault(target) + 1;
        Applier.Capture(captured =>
        {
            var full = new Message
            {
                Type = MessageType.Snap,
                To = target,
                From = _node.Id,
                Term = term,
                Snapshot = captured.ToSnapshot(),
            };
            _log.Info("sending merged snapshot", _log.Local, ("snapshot-index", captured.Index), ("remote-peer-id", target.ToString("x")));
            _transport.SendSnapshot(full, captured.Database());
        });
    }

    private void EndSnapshot(ulong member, bool failed)
    {
        if (_snapshotsUnderWay.TryGetValue(member, out int count))
        {
            if (count <= 1)
            {
                _snapshotsUnderWay.Remove(member);
            }
            else
            {
                _snapshotsUnderWay[member] = count - 1;
            }
        }

        if (!failed)
        {
            _holdsLog = true;
            _holdLogFrom = _time.GetTimestamp();
        }

        _node.ReportSnapshot(member, failed);
    }

    /// <summary>
    /// Forgets entries that nobody is expected to need from memory. While a snapshot is on its way and some time after it, its receiver will
    /// need what follows (spec 04 §9.7).
    /// </summary>
    private void CompactLog()
    {
        RaftLog log = _node.LogEntries;
        if (log.Applied <= log.CompactedIndex + _options.SnapshotCatchUpEntries + CompactionStep || _snapshotsUnderWay.Count > 0)
        {
            return;
        }

        if (_holdsLog && _time.GetElapsedTime(_holdLogFrom) < s_holdAfterSnapshot)
        {
            return;
        }

        _holdsLog = false;
        log.Compact(log.Applied - _options.SnapshotCatchUpEntries);
    }
}
