using System.Buffers.Binary;
using System.Net.Sockets;
using System.Text;

namespace Quorate.Bench;

/// <summary>
/// One HTTP/2 connection that carries unary gRPC calls with next to no work of its own, so that the server is what is measured:
/// the headers are encoded once, the replies' headers are not decoded. A reply without a message counts as an error (RFC 9113).
/// </summary>
public sealed class LeanConnection : IDisposable
{
    private const int FrameHeader = 9;
    private const byte Data = 0, Headers = 1, Reset = 3, Settings = 4, Ping = 6, GoAway = 7;
    private const byte EndStream = 1, Acknowledge = 1, EndHeaders = 4;

    private readonly Socket _socket;
    private readonly byte[] _headers;
    private readonly byte[] _input = new byte[256 * 1024];
    private int _start, _end;
    private uint _nextStream = 1;
    private long _received;
    private byte[] _output = new byte[64 * 1024];
    private int _queued;

    public LeanConnection(string host, int port, string method)
    {
        _socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        _socket.Connect(host, port);
        _headers = EncodeHeaders(method, $"{host}:{port}");
        Queue("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8);
        // SETTINGS: no push, and a window of 1 GiB for each stream; then the same for the connection.
        Queue([0, 0, 12, Settings, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 4, 0x3f, 0xff, 0xff, 0xff]);
        Queue([0, 0, 4, 8, 0, 0, 0, 0, 0, 0x3f, 0xff, 0x00, 0x00]);
        Flush();
    }

    /// <summary>Puts a call into the output; the reply is told by <see cref="Receive"/> under the number that this returns.</summary>
    public uint Call(ReadOnlySpan<byte> message)
    {
        uint stream = _nextStream;
        _nextStream += 2;
        Span<byte> frame = stackalloc byte[FrameHeader + 5];
        WriteFrameHeader(frame, _headers.Length, Headers, EndHeaders, stream);
        Queue(frame[..FrameHeader]);
        Queue(_headers);
        WriteFrameHeader(frame, message.Length + 5, Data, EndStream, stream);
        frame[FrameHeader] = 0;
        BinaryPrimitives.WriteInt32BigEndian(frame[(FrameHeader + 1)..], message.Length);
        Queue(frame);
        Queue(message);
        return stream;
    }

    public void Flush()
    {
        int sent = 0;
        while (sent < _queued)
        {
            sent += _socket.Send(_output.AsSpan(sent, _queued - sent));
        }

        _queued = 0;
    }

    /// <summary>Waits for input and tells each stream that ended, with whether it brought a message.</summary>
    public void Receive(Action<uint, bool> ended, HashSet<uint> withMessage)
    {
        Fill();
        while (_end - _start >= FrameHeader)
        {
            ReadOnlySpan<byte> frame = _input.AsSpan(_start, _end - _start);
            int length = (frame[0] << 16) | (frame[1] << 8) | frame[2];
            if (frame.Length < FrameHeader + length)
            {
                break;
            }

            byte type = frame[3], flags = frame[4];
            uint stream = BinaryPrimitives.ReadUInt32BigEndian(frame[5..]) & int.MaxValue;
            ReadOnlySpan<byte> payload = frame.Slice(FrameHeader, length);
            switch (type)
            {
                case Data:
                    withMessage.Add(stream);
                    Refill(length);
                    break;
                case Headers when (flags & EndStream) != 0:
                    ended(stream, withMessage.Remove(stream));
                    break;
                case Reset:
                    withMessage.Remove(stream);
                    ended(stream, false);
                    break;
                case Settings when (flags & Acknowledge) == 0:
                    Queue([0, 0, 0, Settings, Acknowledge, 0, 0, 0, 0]);
                    break;
                case Ping when (flags & Acknowledge) == 0:
                    Queue([0, 0, 8, Ping, Acknowledge, 0, 0, 0, 0]);
                    Queue(payload);
                    break;
                case GoAway:
                    throw new IOException($"the server ended the connection: {Encoding.UTF8.GetString(payload[8..])}");
            }

            _start += FrameHeader + length;
        }
    }

    public void Dispose() => _socket.Dispose();

    private void Fill()
    {
        if (_start > 0)
        {
            _input.AsSpan(_start, _end - _start).CopyTo(_input);
            _end -= _start;
            _start = 0;
        }

        int count = _socket.Receive(_input.AsSpan(_end));
        if (count == 0)
        {
            throw new IOException("the server closed the connection");
        }

        _end += count;
    }

    private void Refill(int length)
    {
        const int Batch = 1 << 20;
        _received += length;
        if (_received >= Batch)
        {
            Span<byte> frame = stackalloc byte[FrameHeader + 4];
            WriteFrameHeader(frame, 4, 8, 0, 0);
            BinaryPrimitives.WriteInt32BigEndian(frame[FrameHeader..], (int)_received);
            Queue(frame);
            _received = 0;
        }
    }

    private void Queue(ReadOnlySpan<byte> bytes)
    {
        if (_queued + bytes.Length > _output.Length)
        {
            Array.Resize(ref _output, Math.Max(_output.Length * 2, _queued + bytes.Length));
        }

        bytes.CopyTo(_output.AsSpan(_queued));
        _queued += bytes.Length;
    }

    private static void WriteFrameHeader(Span<byte> frame, int length, byte type, byte flags, uint stream)
    {
        frame[0] = (byte)(length >> 16);
        frame[1] = (byte)(length >> 8);
        frame[2] = (byte)length;
        frame[3] = type;
        frame[4] = flags;
        BinaryPrimitives.WriteUInt32BigEndian(frame[5..], stream);
    }

    /// <summary>HPACK (RFC 7541) without a dynamic table: indexed where the static table has the pair, else literals never indexed.</summary>
    private static byte[] EncodeHeaders(string path, string authority)
    {
        var block = new List<byte> { 0x83, 0x86 };
        Literal(block, 4, path);
        Literal(block, 1, authority);
        Literal(block, "content-type", "application/grpc");
        Literal(block, "te", "trailers");
        return [.. block];
    }

    private static void Literal(List<byte> block, byte nameIndex, string value)
    {
        block.Add(nameIndex);
        Text(block, value);
    }

    private static void Literal(List<byte> block, string name, string value)
    {
        block.Add(0);
        Text(block, name);
        Text(block, value);
    }

    private static void Text(List<byte> block, string text)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(text.Length, 126);
        block.Add((byte)text.Length);
        block.AddRange(Encoding.ASCII.GetBytes(text));
    }
}
