using Quorate.Raft.Quorum;
using static Quorate.Raft.Invariant;

namespace Quorate.Raft;

/// <summary>Replication of the log, heartbeats and snapshots (Raft §5.3, §7; spec 08 §8 to §10).</summary>
public sealed partial class RaftNode
{
    /// <summary>
    /// Gives the snapshot to send to a member that needs entries from before the log; null if there is none at hand now, in which
    /// case the next trigger asks again. It must not be older than <see cref="RaftLog.CompactedIndex"/>. Set by the host.
    /// </summary>
    public Func<Snapshot?> SnapshotSource { get; set; } = () => null;

    private bool HandleProposal(Message message)
    {
        if (!_progress.ContainsKey(Id) || _transferee != 0)
        {
            return false;
        }

        ulong size = 0;
        foreach (Entry entry in message.Entries)
        {
            size += (ulong)entry.Data.Length;
        }

        if (_options.MaxUncommittedSize > 0 && _uncommittedSize > 0 && size > 0
            && _uncommittedSize + size > _options.MaxUncommittedSize)
        {
            return false;
        }

        _uncommittedSize += size;
        foreach (Entry proposed in message.Entries)
        {
            Entry entry = proposed.Type == EntryType.Normal || MayProposeConfChange(proposed)
                ? proposed
                : new Entry(0, 0, EntryType.Normal, default);
            _log.Append(entry with { Term = _term, Index = _log.LastIndex + 1 });
        }

        BroadcastAppend();
        return true;
    }

    private void BroadcastAppend()
    {
        foreach ((ulong member, Progress progress) in _others)
        {
            SendAppend(member, progress, evenIfEmpty: true);
        }
    }

    /// <summary>Sends what the member lacks, as far as flow control allows; true if something was sent (spec 08 §8.1).</summary>
    private bool SendAppend(ulong member, Progress progress, bool evenIfEmpty)
    {
        if (progress.IsPaused)
        {
            return false;
        }

        ulong previous = progress.Next - 1;
        ulong? previousTerm = _log.TermAt(previous);
        if (previousTerm is null)
        {
            return SendSnapshot(member, progress);
        }

        bool windowFull = progress.State == ProgressState.Replicate && progress.Inflights.IsFull;
        Entry[] entries = windowFull ? [] : _log.Slice(progress.Next, _log.LastIndex, _options.MaxSizePerMessage);
        if (entries.Length == 0 && !evenIfEmpty)
        {
            return false;
        }

        ulong bytes = 0;
        foreach (Entry entry in entries)
        {
            bytes += (ulong)entry.Data.Length;
        }

        if (!TryJoinUnsent(progress, previous, entries))
        {
            var append = new Message
            {
                Type = MessageType.App,
                To = member,
                Index = previous,
                LogTerm = previousTerm.Value,
                Entries = entries,
                Commit = _log.Committed,
            };
            Send(append);
            progress.UnsentAppend = append;
            _withUnsentAppend.Add(progress);
        }

        progress.SentEntries(entries.Length, bytes);
        progress.SentCommit = _log.Committed;
        return true;
    }

    /// <summary>
    /// An append that goes on where one ends that still waits to be sent, and of which at least one has no entries, needs no
    /// message of its own: under load this halves the messages, most of which would only carry a commit index.
    /// </summary>
    private bool TryJoinUnsent(Progress progress, ulong previous, Entry[] entries)
    {
        if (progress.UnsentAppend is not { } unsent || unsent.Term != _term
            || unsent.Index + (ulong)unsent.Entries.Count != previous || (entries.Length > 0 && unsent.Entries.Count > 0))
        {
            return false;
        }

        unsent.Commit = _log.Committed;
        if (entries.Length > 0)
        {
            unsent.Entries = entries;
        }

        return true;
    }

    private bool SendSnapshot(ulong member, Progress progress)
    {
        if (!progress.RecentActive || SnapshotSource() is not { } snapshot)
        {
            return false;
        }

        Require(snapshot.Metadata.Index > 0, "need non-empty snapshot");
        Log($"{Id:x} [firstindex: {_log.FirstIndex}, commit: {_log.Committed}] sent snapshot[index: {snapshot.Metadata.Index}, "
            + $"term: {snapshot.Metadata.Term}] to {member:x} [{progress}]");
        progress.BecomeSnapshot(snapshot.Metadata.Index);
        Send(new Message { Type = MessageType.Snap, To = member, Snapshot = snapshot });
        return true;
    }

    private void HandleAppend(Message message)
    {
        ulong previous = message.Index;
        if (previous < _log.Committed)
        {
            SendAfter(new Message { Type = MessageType.AppResp, To = message.From, Index = _log.Committed });
            return;
        }

        if (!AreContiguous(message))
        {
            Log($"{Id:x} dropped MsgApp from {message.From:x} whose entries do not follow each other");
            return;
        }

        if (!_log.Matches(previous, message.LogTerm))
        {
            (ulong hint, ulong hintTerm) = FindConflict(Math.Min(previous, _log.LastIndex), message.LogTerm);
            SendAfter(new Message
            {
                Type = MessageType.AppResp,
                To = message.From,
                Index = previous,
                Reject = true,
                RejectHint = hint,
                LogTerm = hintTerm,
            });
            return;
        }

        _log.Merge(message.Entries);
        ulong last = previous + (ulong)message.Entries.Count;
        _log.CommitTo(Math.Min(message.Commit, last));
        SendAfter(new Message { Type = MessageType.AppResp, To = message.From, Index = last });
    }

    /// <summary>
    /// etcd trusts the sender here; a log with a gap or with falling terms would be beyond repair (spec 08 §8.2, [rec]).
    /// </summary>
    private static bool AreContiguous(Message message)
    {
        ulong index = message.Index, term = message.LogTerm;
        foreach (Entry entry in message.Entries)
        {
            if (entry.Index != ++index || entry.Term < term || entry.Term > message.Term)
            {
                return false;
            }

            term = entry.Term;
        }

        return true;
    }

    /// <summary>
    /// The largest index, not above the given one, whose term is not above the given one or not known (spec 08 §8.3).
    /// </summary>
    private (ulong Index, ulong Term) FindConflict(ulong index, ulong term)
    {
        for (; index > 0; index--)
        {
            ulong? own = _log.TermAt(index);
            if (own is null)
            {
                return (index, 0);
            }

            if (own <= term)
            {
                return (index, own.Value);
            }
        }

        return (0, 0);
    }

    private void HandleAppendResponse(Message message, Progress progress)
    {
        progress.RecentActive = true;
        if (message.Reject)
        {
            ulong hint = message.RejectHint;
            if (message.LogTerm > 0)
            {
                hint = FindConflict(Math.Min(hint, _log.LastIndex), message.LogTerm).Index;
            }

            if (progress.Reject(message.Index, hint))
            {
                if (progress.State == ProgressState.Replicate)
                {
                    progress.BecomeProbe();
                }

                SendAppend(message.From, progress, evenIfEmpty: true);
            }

            return;
        }

        if (message.Index > _log.LastIndex)
        {
            Log($"{Id:x} ignored MsgAppResp from {message.From:x} for index {message.Index} beyond its log");
            return;
        }

        bool advanced = progress.Accept(message.Index);
        if (!advanced && !(message.Index == progress.Match && progress.State == ProgressState.Probe))
        {
            return;
        }

        switch (progress.State)
        {
            case ProgressState.Probe:
                progress.BecomeReplicate();
                break;
            case ProgressState.Snapshot when progress.Match + 1 >= _log.FirstIndex:
                progress.BecomeProbe();
                progress.BecomeReplicate();
                break;
            case ProgressState.Replicate:
                progress.Inflights.FreeTo(message.Index);
                progress.FlowPaused = progress.Inflights.IsFull;
                break;
        }

        if (MaybeCommit())
        {
            BroadcastAppend();
        }
        else if (_log.Committed > progress.SentCommit && progress.SentCommit < progress.Next - 1)
        {
            SendAppend(message.From, progress, evenIfEmpty: true);
        }

        while (SendAppend(message.From, progress, evenIfEmpty: false))
        {
            // Each fills one place of the window.
        }

        if (message.From == _transferee && progress.Match == _log.LastIndex)
        {
            SendTimeoutNow(message.From);
        }
    }

    /// <summary>Only an entry of the own term is committed by counting (Raft §5.4.2); those before it follow.</summary>
    private bool MaybeCommit()
    {
        ulong index = _configuration.Voters.CommittedIndex(_match);
        if (index == ulong.MaxValue || index <= _log.Committed || !_log.Matches(index, _term))
        {
            return false;
        }

        _log.CommitTo(index);
        ReleasePostponedReads();
        return true;
    }

    private void BroadcastHeartbeat()
    {
        ReadOnlyMemory<byte> context = ReadContext();
        foreach ((ulong member, Progress progress) in _others)
        {
            // Never above what the member has: it commits without a look at its log.
            Send(new Message
            {
                Type = MessageType.Heartbeat,
                To = member,
                Commit = Math.Min(progress.Match, _log.Committed),
                Context = context,
            });
        }
    }

    private void HandleHeartbeat(Message message)
    {
        _log.CommitTo(message.Commit);
        Send(new Message { Type = MessageType.HeartbeatResp, To = message.From, Context = message.Context });
    }

    private void HandleHeartbeatResponse(Message message, Progress progress)
    {
        progress.RecentActive = true;
        progress.FlowPaused = false;
        if (progress.Match < _log.LastIndex || progress.State == ProgressState.Probe)
        {
            SendAppend(message.From, progress, evenIfEmpty: true);
        }

        AcknowledgeReads(message);
    }

    private void HandleSnapshot(Message message)
    {
        if (message.Snapshot is not { } snapshot)
        {
            return;
        }

        ulong answer = _log.Committed;
        if (TryRestore(snapshot))
        {
            Log($"{Id:x} [commit: {_log.Committed}] restored snapshot [index: {snapshot.Metadata.Index}, "
                + $"term: {snapshot.Metadata.Term}]");
            answer = _log.LastIndex;
        }
        else
        {
            Log($"{Id:x} [commit: {_log.Committed}] ignored snapshot [index: {snapshot.Metadata.Index}, "
                + $"term: {snapshot.Metadata.Term}]");
            answer = _log.Committed;
        }

        SendAfter(new Message { Type = MessageType.AppResp, To = message.From, Index = answer });
    }

    private bool TryRestore(Snapshot snapshot)
    {
        SnapshotMetadata metadata = snapshot.Metadata;
        if (metadata.Index <= _log.Committed)
        {
            return false;
        }

        if (!metadata.ConfState.Contains(Id))
        {
            Log($"{Id:x} attempted to restore snapshot but it is not in the ConfState {metadata.ConfState}; should never happen");
            return false;
        }

        if (_log.Matches(metadata.Index, metadata.Term))
        {
            _log.CommitTo(metadata.Index);
            return false;
        }

        // The configuration is that of what is applied: it changes when the host has installed the snapshot. Until then the host
        // may still report entries, and changes of the configuration among them, that were handed out before.
        _log.Restore(snapshot);
        _restoring = metadata;
        return true;
    }

    private void HandleSnapshotStatus(Message message, Progress progress)
    {
        if (progress.State != ProgressState.Snapshot)
        {
            return;
        }

        if (message.Reject)
        {
            progress.SnapshotFailed();
        }

        progress.BecomeProbe();
        progress.FlowPaused = true;
    }
}
