using System.Buffers;
using System.Buffers.Binary;
using Quorate.Raft;

namespace Quorate.Server.Peers;

/// <summary>
/// The stream of appends, where an append that follows the one before needs no message around its entries (spec 04 §5.3). Both ends keep
/// the term and index that the last frame ended with.
/// </summary>
internal sealed class AppendStreamCodec
{
    private const byte LinkHeartbeat = 0, Entries = 1, WholeMessage = 2;
    private const int MaxFrame = 512 * 1024 * 1024;

    private ulong _term;
    private ulong _index;

    public static void WriteHeartbeat(IBufferWriter<byte> writer)
    {
        writer.GetSpan(1)[0] = LinkHeartbeat;
        writer.Advance(1);
    }

    public void Write(IBufferWriter<byte> writer, Message message)
    {
        if (_index == message.Index && _term == message.LogTerm && message.LogTerm == message.Term)
        {
            int size = 1 + 8 + 8;
            foreach (Entry entry in message.Entries)
            {
                size += 8 + RaftWire.SizeOf(entry);
            }

            Span<byte> span = writer.GetSpan(size);
            span[0] = Entries;
            BinaryPrimitives.WriteUInt64BigEndian(span[1..], (ulong)message.Entries.Count);
            int position = 9;
            foreach (Entry entry in message.Entries)
            {
                int length = RaftWire.Write(span[(position + 8)..], entry);
                BinaryPrimitives.WriteUInt64BigEndian(span[position..], (ulong)length);
                position += 8 + length;
            }

            BinaryPrimitives.WriteUInt64BigEndian(span[position..], message.Commit);
            writer.Advance(size);
            _index += (ulong)message.Entries.Count;
            return;
        }

        int whole = RaftWire.SizeOf(message);
        Span<byte> frame = writer.GetSpan(9 + whole);
        frame[0] = WholeMessage;
        BinaryPrimitives.WriteUInt64BigEndian(frame[1..], (ulong)whole);
        RaftWire.Write(frame[9..], message);
        writer.Advance(9 + whole);
        Follow(message);
    }

    /// <summary>
    /// Reads one frame off the front of the bytes; false if it is not there yet. The message is null for the heartbeat of the link.
    /// <see cref="FormatException"/> for what is no frame.
    /// </summary>
    public bool TryRead(ref ReadOnlySequence<byte> bytes, ulong from, ulong to, out Message? message)
    {
        message = null;
        var reader = new SequenceReader<byte>(bytes);
        if (!reader.TryRead(out byte kind))
        {
            return false;
        }

        switch (kind)
        {
            case LinkHeartbeat:
                break;
            case Entries:
                if (!TryReadEntries(ref reader, out List<Entry> entries, out ulong commit))
                {
                    return false;
                }

                message = new Message
                {
                    Type = MessageType.App,
                    From = from,
                    To = to,
                    Term = _term,
                    LogTerm = _term,
                    Index = _index,
                    Entries = entries,
                    Commit = commit,
                };
                _index += (ulong)entries.Count;
                break;
            case WholeMessage:
                if (!TryReadBytes(ref reader, out byte[] body))
                {
                    return false;
                }

                message = RaftWire.DecodeMessage(body);
                Follow(message);
                break;
            default:
                throw new FormatException($"the stream of appends has a frame of kind {kind}");
        }

        bytes = bytes.Slice(reader.Position);
        return true;
    }

    private void Follow(Message message)
    {
        _term = message.Term;
        _index = message.Entries.Count > 0 ? message.Entries[^1].Index : message.Index;
    }

    private static bool TryReadEntries(ref SequenceReader<byte> reader, out List<Entry> entries, out ulong commit)
    {
        entries = [];
        commit = 0;
        if (!TryReadNumber(ref reader, out ulong count))
        {
            return false;
        }

        for (ulong number = 0; number < count; number++)
        {
            if (!TryReadBytes(ref reader, out byte[] body))
            {
                return false;
            }

            entries.Add(RaftWire.DecodeEntry(body));
        }

        return TryReadNumber(ref reader, out commit);
    }

    private static bool TryReadBytes(ref SequenceReader<byte> reader, out byte[] body)
    {
        body = [];
        if (!TryReadNumber(ref reader, out ulong length))
        {
            return false;
        }

        if (length > MaxFrame)
        {
            throw new FormatException($"a frame of {length} bytes is too long");
        }

        if (reader.Remaining < (long)length)
        {
            return false;
        }

        body = new byte[length];
        reader.TryCopyTo(body);
        reader.Advance((long)length);
        return true;
    }

    private static bool TryReadNumber(ref SequenceReader<byte> reader, out ulong number)
    {
        bool read = reader.TryReadBigEndian(out long value);
        number = (ulong)value;
        return read;
    }
}
