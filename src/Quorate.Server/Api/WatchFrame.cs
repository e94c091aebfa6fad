using System.Buffers;
using System.Text;
using Quorate.Mvcc.Watching;
using Quorate.Protocol;
using Quorate.Server.Replication;

namespace Quorate.Server.Api;

/// <summary>
/// One WatchResponse, written from the bytes that an event has for all who get it (spec 01 §3). Only a previous value is its own.
/// </summary>
/// <param name="output">What is told.</param>
/// <param name="first">The first of its events that is in this frame.</param>
/// <param name="count">How many are.</param>
/// <param name="previous">The encoded pairs from before each event of the output; null if they are not wanted.</param>
/// <param name="isFragment">More of the same output follows.</param>
internal sealed class WatchFrame(IMember member, WatchOutput output, int first, int count, byte[]?[]? previous, bool isFragment)
{
    private const byte IdTag = 0x10, CreatedTag = 0x18, CanceledTag = 0x20, CompactTag = 0x28, ReasonTag = 0x32,
        FragmentTag = 0x38, EventTag = 0x5a,
        PreviousTag = 0x1a;

    private readonly HeaderEncoding _header = new(member, output.Revision);
    private int _size = -1;

    /// <summary>Bytes of the message.</summary>
    public int Size
    {
        get
        {
            if (_size < 0)
            {
                _size = HeadSize(_header, output) + (isFragment ? 2 : 0);
                for (int index = first; index < first + count; index++)
                {
                    _size += WireNumbers.NestedSize(EventSize(index));
                }
            }

            return _size;
        }
    }

    /// <summary>The frames that an output is sent in: several only if it is large and may be cut.</summary>
    /// <param name="limit">Bytes that a frame stays below where it can.</param>
    /// <param name="previous">As in the constructor.</param>
    public static IEnumerable<WatchFrame> Of(IMember member, WatchOutput output, byte[]?[]? previous, int limit)
    {
        var whole = new WatchFrame(member, output, 0, output.Events.Count, previous, isFragment: false);
        if (!output.MayFragment || output.Events.Count < 2 || whole.Size < limit)
        {
            return [whole];
        }

        var frames = new List<WatchFrame>();
        int head = HeadSize(whole._header, output), size = head, first = 0;
        for (int index = 0; index < output.Events.Count; index++)
        {
            int length = WireNumbers.NestedSize(whole.EventSize(index));
            if (index > first && size + length >= limit)
            {
                frames.Add(new WatchFrame(member, output, first, index - first, previous, isFragment: true));
                first = index;
                size = head;
            }

            size += length;
        }

        frames.Add(new WatchFrame(member, output, first, output.Events.Count - first, previous, isFragment: false));
        return frames;
    }

    public void Write(IBufferWriter<byte> writer)
    {
        Span<byte> span = writer.GetSpan(HeaderEncoding.MaxSize + (5 * WireNumbers.MaxField));
        int length = _header.Write(span);
        length += WireNumbers.Field(span[length..], IdTag, (ulong)output.WatchId);
        length += WireNumbers.Field(span[length..], CreatedTag, output.Created ? 1UL : 0);
        length += WireNumbers.Field(span[length..], CanceledTag, output.Canceled ? 1UL : 0);
        length += WireNumbers.Field(span[length..], CompactTag, (ulong)output.CompactRevision);
        writer.Advance(length);
        if (output.CancelReason.Length > 0)
        {
            byte[] reason = Encoding.UTF8.GetBytes(output.CancelReason);
            writer.Advance(WireNumbers.Prefix(writer.GetSpan(WireNumbers.MaxField), ReasonTag, reason.Length));
            writer.Write(reason);
        }

        writer.Advance(WireNumbers.Field(writer.GetSpan(WireNumbers.MaxField), FragmentTag, isFragment ? 1UL : 0));
        for (int index = first; index < first + count; index++)
        {
            writer.Advance(WireNumbers.Prefix(writer.GetSpan(WireNumbers.MaxField), EventTag, EventSize(index)));
            writer.Write(output.Events[index].Encoded);
            if (previous?[index] is { } before)
            {
                writer.Advance(WireNumbers.Prefix(writer.GetSpan(WireNumbers.MaxField), PreviousTag, before.Length));
                writer.Write(before);
            }
        }
    }

    /// <summary>The same as a message.</summary>
    public WatchResponse ToMessage()
    {
        var bytes = new ArrayBufferWriter<byte>(Size);
        Write(bytes);
        return WatchResponse.Parser.ParseFrom(bytes.WrittenSpan);
    }

    private int EventSize(int index) =>
        output.Events[index].Encoded.Length + (previous?[index] is { } before ? WireNumbers.NestedSize(before.Length) : 0);

    /// <summary>All but the events and the mark of a fragment.</summary>
    private static int HeadSize(in HeaderEncoding header, WatchOutput output) =>
        header.Size + WireNumbers.FieldSize((ulong)output.WatchId)
        + (output.Created ? 2 : 0) + (output.Canceled ? 2 : 0) + WireNumbers.FieldSize((ulong)output.CompactRevision)
        + (output.CancelReason.Length > 0 ? WireNumbers.NestedSize(Encoding.UTF8.GetByteCount(output.CancelReason)) : 0);
}
