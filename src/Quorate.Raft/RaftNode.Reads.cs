using System.Buffers.Binary;
using Quorate.Raft.Quorum;

namespace Quorate.Raft;

/// <summary>
/// Linearizable reads without a log entry (Ongaro's thesis §6.4; spec 08 §13). Each round of heartbeats carries a number, how
/// many reads were asked for so far in this leadership; whoever echoes it confirms all of them. No two rounds share a number, so
/// that a late echo of an earlier round confirms nothing that came after it (B-20).
/// </summary>
public sealed partial class RaftNode
{
    private readonly Queue<Message> _postponedReads = [];
    private readonly Queue<(Message Request, ulong Index)> _pendingReads = [];
    private readonly Dictionary<ulong, ulong> _readAcknowledgements = [];
    private ulong _confirmedReads;

    private void ResetReads()
    {
        _postponedReads.Clear();
        _pendingReads.Clear();
        _readAcknowledgements.Clear();
        _confirmedReads = 0;
    }

    private void HandleReadIndex(Message message)
    {
        if (message.Entries.Count != 1)
        {
            return;
        }

        if (!_log.Matches(_log.Committed, _term))
        {
            // Until an entry of its own term is committed, a new leader does not know what is.
            _postponedReads.Enqueue(message);
            return;
        }

        if (_options.LeaseBasedReads)
        {
            AnswerRead(message, _log.Committed);
            return;
        }

        StartRead(message);
    }

    private void ReleasePostponedReads()
    {
        while (_postponedReads.TryDequeue(out Message? request))
        {
            StartRead(request);
        }
    }

    private void StartRead(Message request)
    {
        bool alone = _configuration.Voters.Voters.Count == 1 && !_configuration.Voters.IsJoint
            && _configuration.Voters.Contains(Id);
        if (alone)
        {
            AnswerRead(request, _log.Committed);
            return;
        }

        _pendingReads.Enqueue((request, _log.Committed));
        BroadcastHeartbeat();
    }

    private ReadOnlyMemory<byte> ReadContext()
    {
        if (_pendingReads.Count == 0)
        {
            return default;
        }

        var context = new byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(context, _confirmedReads + (ulong)_pendingReads.Count);
        return context;
    }

    private void AcknowledgeReads(Message message)
    {
        if (message.Context.Length < sizeof(ulong) || _pendingReads.Count == 0)
        {
            return;
        }

        ulong asked = _confirmedReads + (ulong)_pendingReads.Count;
        ulong number = BinaryPrimitives.ReadUInt64LittleEndian(message.Context.Span);
        if (number > asked || number <= _readAcknowledgements.GetValueOrDefault(message.From))
        {
            return;
        }

        _readAcknowledgements[message.From] = number;
        ConfirmReads();
    }

    /// <summary>Answers all reads that a quorum has confirmed since they were asked.</summary>
    private void ConfirmReads()
    {
        if (_pendingReads.Count == 0)
        {
            return;
        }

        ulong asked = _confirmedReads + (ulong)_pendingReads.Count;
        ulong confirmed = _configuration.Voters.CommittedIndex(
            id => id == Id ? asked : _readAcknowledgements.GetValueOrDefault(id));
        while (_confirmedReads < confirmed && _pendingReads.TryDequeue(out (Message Request, ulong Index) read))
        {
            _confirmedReads++;
            AnswerRead(read.Request, read.Index);
        }
    }

    private void AnswerRead(Message request, ulong index)
    {
        if (request.From == 0 || request.From == Id)
        {
            _readStates.Add(new ReadState(index, request.Entries[0].Data));
            return;
        }

        Send(new Message { Type = MessageType.ReadIndexResp, To = request.From, Index = index, Entries = request.Entries });
    }
}
