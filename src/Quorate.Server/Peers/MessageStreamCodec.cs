using System.Buffers;
using System.Buffers.Binary;
using Quorate.Raft;

namespace Quorate.Server.Peers;

/// <summary>The stream of all other messages: a length and a message, again and again (spec 04 §5.2).</summary>
internal static class MessageStreamCodec
{
    public const int MaxFrame = 512 * 1024 * 1024;

    private static readonly Message s_heartbeat = new() { Type = MessageType.Heartbeat };

    public static void WriteHeartbeat(IBufferWriter<byte> writer) => Write(writer, s_heartbeat);

    public static void Write(IBufferWriter<byte> writer, Message message)
    {
        int size = RaftWire.SizeOf(message);
        Span<byte> span = writer.GetSpan(8 + size);
        BinaryPrimitives.WriteUInt64BigEndian(span, (ulong)size);
        RaftWire.Write(span[8..], message);
        writer.Advance(8 + size);
    }

    /// <summary>Reads one message off the front; false if it is not there yet. The heartbeat of the link is null.</summary>
    public static bool TryRead(ref ReadOnlySequence<byte> bytes, out Message? message)
    {
        message = null;
        var reader = new SequenceReader<byte>(bytes);
        if (!reader.TryReadBigEndian(out long length))
        {
            return false;
        }

        if (length is < 0 or > MaxFrame)
        {
            throw new FormatException($"a frame of {length} bytes is too long");
        }

        if (reader.Remaining < length)
        {
            return false;
        }

        var body = new byte[length];
        reader.TryCopyTo(body);
        message = RaftWire.DecodeMessage(body);
        if (message is { Type: MessageType.Heartbeat, To: 0, From: 0 })
        {
            message = null;
        }

        reader.Advance(length);
        bytes = bytes.Slice(reader.Position);
        return true;
    }
}
