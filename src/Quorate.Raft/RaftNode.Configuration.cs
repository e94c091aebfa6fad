using Quorate.Raft.Quorum;

namespace Quorate.Raft;

/// <summary>Changes of the configuration, which take effect when they are applied (spec 08 §12.1).</summary>
public sealed partial class RaftNode
{
    /// <summary>
    /// Applies a committed change; the host calls it for each such entry, in the order of the log and before it reports the entry
    /// by
    /// <see cref="Applied"/>, with a node id of 0 for a change that it refuses. Returns the configuration then.
    /// </summary>
    public ConfState ApplyConfChange(ConfChangeV2 change)
    {
        _configuration = _configuration.Apply(change);
        RebuildProgress();
        Log($"{Id:x} switched to configuration {_configuration.ToConfState()}");
        if (Role == RaftRole.Leader && (_isLearner || !_progress.ContainsKey(Id)))
        {
            if (_options.StepDownOnRemoval)
            {
                BecomeFollower(_term, 0);
            }

            if (_options.StepDownOnRemoval || _configuration.Voters.Voters.Count == 0)
            {
                return ConfState;
            }
        }

        if (Role != RaftRole.Leader || _configuration.Voters.Voters.Count == 0)
        {
            return ConfState;
        }

        if (MaybeCommit())
        {
            BroadcastAppend();
        }
        else
        {
            foreach ((ulong member, Progress progress) in _others)
            {
                SendAppend(member, progress, evenIfEmpty: false);
            }
        }

        if (_transferee != 0 && !_configuration.Voters.Contains(_transferee))
        {
            _transferee = 0;
        }

        ConfirmReads();
        return ConfState;
    }

    /// <summary>
    /// Whether the leader takes a proposed change; one that it does not becomes an empty entry (spec 08 §12.1).
    /// </summary>
    private bool MayProposeConfChange(Entry entry)
    {
        ConfChangeV2 change;
        try
        {
            change = entry.Type == EntryType.ConfChange
                ? RaftWire.DecodeConfChange(entry.Data).ToV2()
                : RaftWire.DecodeConfChangeV2(entry.Data);
        }
        catch (FormatException malformed)
        {
            // In the log it would stop every member that applies it.
            Log($"{Id:x} ignoring conf change: {malformed.Message}");
            return false;
        }

        bool isJoint = _configuration.Voters.IsJoint;
        string? refusal = _options.DisableConfChangeValidation ? null
            : _pendingConfIndex > _log.Applied
                ? $"possible unapplied conf change at index {_pendingConfIndex} (applied to {_log.Applied})"
            : isJoint && !change.LeavesJoint ? "must transition out of joint config first"
            : !isJoint && change.LeavesJoint ? "not in joint state; refusing empty conf change"
            : null;
        if (refusal is not null)
        {
            Log($"{Id:x} ignoring conf change {change} at config {_configuration.ToConfState()}: {refusal}");
            return false;
        }

        _pendingConfIndex = _log.LastIndex + 1;
        return true;
    }

    private void RebuildProgress()
    {
        _isLearner = _configuration.IsLearner(Id);
        foreach (ulong gone in _progress.Keys.Except(_configuration.Members).ToArray())
        {
            _progress.Remove(gone);
        }

        foreach (ulong member in _configuration.Members)
        {
            if (_progress.TryGetValue(member, out Progress? progress))
            {
                progress.IsLearner = _configuration.IsLearner(member);
            }
            else
            {
                _progress[member] = NewProgress(member);
            }
        }

        _others = [.. _configuration.Members.Where(member => member != Id).Select(member => (member, _progress[member]))];
    }
}
