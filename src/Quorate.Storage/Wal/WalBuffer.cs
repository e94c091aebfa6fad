using System.Buffers.Binary;
using Quorate.Storage.Files;

namespace Quorate.Storage.Wal;

/// <summary>Frames records one after another with the running checksum, to be written in one go (spec 05 §2.1 to §2.3).</summary>
internal sealed class WalBuffer
{
    private const int MaxHeader = 8 + 2 + 6 + 6;

    private byte[] _bytes = new byte[64 * 1024];
    private int _length;

    public uint Checksum { get; set; }

    public ReadOnlySpan<byte> Written => _bytes.AsSpan(0, _length);

    public void Clear()
    {
        _length = 0;

        // One huge batch does not stay in memory for ever.
        if (_bytes.Length > 4 * 1024 * 1024)
        {
            _bytes = new byte[64 * 1024];
        }
    }

    public void AddChecksum() => Frame(WalRecordType.Checksum, [], hasData: false);

    public void Add(WalRecordType type, ReadOnlySpan<byte> data)
    {
        Checksum = Crc32C.Update(Checksum, data);
        Frame(type, data, hasData: true);
    }

    public void AddEntry(in Raft.Entry entry)
    {
        // Encoded behind the place of its frame, so that it moves by a few bytes at most.
        int size = Raft.RaftWire.SizeOf(entry);
        Reserve((2 * MaxHeader) + size);
        Span<byte> data = _bytes.AsSpan(_length + MaxHeader, size);
        Raft.RaftWire.Write(data, entry);
        Checksum = Crc32C.Update(Checksum, data);
        Frame(WalRecordType.Entry, data, hasData: true);
    }

    private void Frame(WalRecordType type, ReadOnlySpan<byte> data, bool hasData)
    {
        Reserve((2 * MaxHeader) + data.Length);
        Span<byte> target = _bytes.AsSpan(_length);
        Span<byte> header = stackalloc byte[MaxHeader];
        int size = 0;
        header[size++] = 0x08;
        header[size++] = (byte)type;
        header[size++] = 0x10;
        Varint(header, ref size, Checksum);
        if (hasData)
        {
            header[size++] = 0x1a;
            Varint(header, ref size, (uint)data.Length);
        }

        int record = size + data.Length;
        int padding = (8 - (record % 8)) % 8;
        data.CopyTo(target[(8 + size)..]);
        BinaryPrimitives.WriteUInt64LittleEndian(target, (uint)record | (padding == 0 ? 0UL : (0x80UL | (uint)padding) << 56));
        header[..size].CopyTo(target[8..]);
        target.Slice(8 + record, padding).Clear();
        _length += 8 + record + padding;
    }

    private void Reserve(int count)
    {
        if (_length + count > _bytes.Length)
        {
            Array.Resize(ref _bytes, Math.Max(_bytes.Length * 2, _length + count));
        }
    }

    private static void Varint(Span<byte> target, ref int position, uint value)
    {
        while (value >= 0x80)
        {
            target[position++] = (byte)(value | 0x80);
            value >>= 7;
        }

        target[position++] = (byte)value;
    }
}
