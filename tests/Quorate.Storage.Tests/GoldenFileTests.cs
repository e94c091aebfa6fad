using System.Buffers.Binary;
using System.Text;
using Quorate.Raft;
using Quorate.Storage.Bolt;
using Quorate.Storage.Files;
using Quorate.Storage.Wal;

namespace Quorate.Storage.Tests;

/// <summary>Files that etcd wrote are read by ours, and ours by the rules of the format alone (spec 05 §2, §4.6a).</summary>
public sealed class GoldenFileTests
{
    /// <summary>The log's beginning of a cluster of one member, as etcd 3.5.30 wrote it (§2.10).</summary>
    private static readonly byte[] FirstSegment =
    [
        .. Bytes("0400000000000084 08041000 00000000"),
        .. Bytes("1f00000000000081 0801 10b293fdd207 1a15 0882a9aeb1bcba87a8db01 10c6c5c3b1b2a6b4e005 00"),
        .. Bytes("0e00000000000082 0805 1087f793ae03 1a04 08001000 0000"),
        .. Bytes("7000000000000000 0802 10fda4f2f501 1a66 08011001180122 5e 0800 1000 1882a9aeb1bcba87a8db01 224d"),
        .. Encoding.UTF8.GetBytes("""{"id":15803163887843120258,"peerURLs":["http://127.0.0.1:21301"],"name":"n1"}"""),
        .. Bytes("1000000000000000 0803 1084a4efcd02 1a06 080110001801"),
        .. Bytes("1000000000000000 0802 109cc5e09004 1a06 080010021802"),
        .. Bytes("1900000000000087 0803 108690e1c006 1a0f 08021082a9aeb1bcba87a8db011802 00000000000000"),
    ];

    [Fact]
    public void The_log_of_a_new_cluster_is_read()
    {
        using var directory = new TemporaryDirectory();
        WriteSegment(directory, FirstSegment);
        WalContents contents = WriteAheadLog.Read(LocalFileSystem.Instance, directory.Path, default);
        Assert.Equal(Bytes("0882a9aeb1bcba87a8db01 10c6c5c3b1b2a6b4e005"), contents.Metadata);
        Assert.Equal(new HardState(2, 0xdb501dd3c62b9482, 2), contents.HardState);
        Assert.Equal([(1UL, 1UL), (2UL, 2UL)], contents.Entries.Select(entry => (entry.Term, entry.Index)));
        Assert.Equal(EntryType.ConfChange, contents.Entries[0].Type);
    }

    [Fact]
    public void A_record_that_was_cut_off_is_repaired_and_what_was_there_is_kept_beside_it()
    {
        using var directory = new TemporaryDirectory();
        WriteSegment(directory, FirstSegment[..^12]);
        (WriteAheadLog log, WalContents contents) = WriteAheadLog.Open(LocalFileSystem.Instance, directory.Path, default);
        log.Dispose();
        Assert.True(contents.WasRepaired);
        Assert.Equal(new HardState(1, 0, 1), contents.HardState);
        Assert.Equal(FirstSegment[..^12], File.ReadAllBytes(directory["0000000000000000-0000000000000000.wal.broken"]));
    }

    [Fact]
    public void A_flipped_bit_is_refused_with_the_file_and_changes_nothing()
    {
        byte[] damaged = [.. FirstSegment];
        damaged[0x70] ^= 1;
        using var directory = new TemporaryDirectory();
        WriteSegment(directory, damaged);
        WalException error = Assert.Throws<WalException>(() => WriteAheadLog.Open(LocalFileSystem.Instance, directory.Path, default));
        Assert.Contains("walpb: crc mismatch", error.Message);
        Assert.Contains("0000000000000000-0000000000000000.wal", error.Message);
        Assert.Equal(damaged, File.ReadAllBytes(directory["0000000000000000-0000000000000000.wal"]));
    }

    [Fact]
    public void Our_log_is_read_by_the_rules_of_the_format_alone()
    {
        using var directory = new TemporaryDirectory();
        string path = directory["wal"];
        var random = new Random(7);
        var expected = new List<byte[]>();
        using (WriteAheadLog log = WriteAheadLog.Create(LocalFileSystem.Instance, path, [1, 2, 3]))
        {
            for (ulong index = 1; index <= 500; index++)
            {
                var data = new byte[random.Next(300)];
                random.NextBytes(data);
                expected.Add(data);
                log.Append(new HardState(1, 1, index - 1), [new Entry(1, index, EntryType.Normal, data)]);
            }

            log.Sync();
        }

        byte[] file = File.ReadAllBytes(Assert.Single(Directory.GetFiles(path, "*.wal")));
        List<(ulong Type, byte[] Data)> records = Decode(file);
        Assert.Equal([4UL, 1UL, 5UL], records.Take(3).Select(record => record.Type));
        Assert.Equal([1, 2, 3], records[1].Data);
        List<Dictionary<ulong, object>> entries = [.. records.Where(record => record.Type == 2).Select(record => Fields(record.Data))];
        Assert.Equal(500, entries.Count);
        for (int position = 0; position < entries.Count; position++)
        {
            Assert.Equal((ulong)position + 1, entries[position][3]);
            Assert.Equal(1UL, entries[position][2]);
            Assert.Equal(expected[position], entries[position].TryGetValue(4, out object? data) ? data : Array.Empty<byte>());
        }
    }

    [Fact]
    public void A_database_of_three_pages_is_read()
    {
        var file = new byte[12288];
        void At(int offset, string hex) => Bytes(hex).CopyTo(file, offset);
        At(0x0000, "0000000000000000 0400 0000 00000000 edda0ced 02000000 00100000 00000000 0200000000000000 0000000000000000");
        At(0x0030, "ffffffffffffffff 0300000000000000 0200000000000000 4067af04a0b168e3");
        At(0x1000, "0100000000000000 0400 0000 00000000 edda0ced 02000000 00100000 00000000 0200000000000000 0000000000000000");
        At(0x1030, "ffffffffffffffff 0300000000000000 0300000000000000 61b19e0fa9786302");
        At(0x2000, "0200000000000000 0200 0200 00000000 01000000 20000000 03000000 51000000 01000000 64000000 04000000 48000000");
        At(0x2030, "6b6579 00000000000000000000000000000000 0000000000000000 0200 0100 00000000 00000000 10000000 11000000 10000000");
        At(0x2063, "0000000000000002 5f 0000000000000000 0a03666f6f 1002 1802 2001 2a03626172");
        At(0x2084, "6d657461 00000000000000000000000000000000 0000000000000000 0200 0100 00000000 00000000 10000000 10000000 08000000");
        At(0x20b8, "636f6e73697374656e745f696e646578 0000000000000005");
        using var directory = new TemporaryDirectory();
        File.WriteAllBytes(directory["db"], file);
        using BoltDatabase database = BoltDatabase.Open(LocalFileSystem.Instance, directory["db"]);
        using BoltReadTransaction reader = database.BeginRead();
        Assert.Equal(3UL, reader.TransactionId);
        Assert.Equal(["key", "meta"], reader.BucketNames().Select(Encoding.ASCII.GetString));
        Assert.True(reader.Bucket("key"u8)!.TryGet(Bytes("0000000000000002 5f 0000000000000000"), out ReadOnlySpan<byte> value));
        Assert.Equal(Bytes("0a03666f6f 1002 1802 2001 2a03626172"), value.ToArray());
        Assert.True(reader.Bucket("meta"u8)!.TryGet("consistent_index"u8, out ReadOnlySpan<byte> index));
        Assert.Equal(5UL, BinaryPrimitives.ReadUInt64BigEndian(index));
        Assert.Empty(BoltCheck.Run(reader));
    }

    /// <summary>Frames and checksums by §2.1 and §2.3, with no code of the product.</summary>
    private static List<(ulong Type, byte[] Data)> Decode(byte[] file)
    {
        var records = new List<(ulong, byte[])>();
        uint running = 0;
        for (int offset = 0; offset + 8 <= file.Length;)
        {
            ulong field = BinaryPrimitives.ReadUInt64LittleEndian(file.AsSpan(offset));
            if (field == 0)
            {
                break;
            }

            int length = (int)(field & 0x00ff_ffff_ffff_ffff), padding = field >> 63 == 1 ? (int)(field >> 56) & 7 : 0;
            Assert.Equal(0, (length + padding) % 8);
            Dictionary<ulong, object> record = Fields(file.AsSpan(offset + 8, length));
            byte[] data = record.TryGetValue(3, out object? found) ? (byte[])found : [];
            running = Crc32C(running, data);
            Assert.Equal(running, (uint)(ulong)record.GetValueOrDefault(2UL, 0UL));
            records.Add(((ulong)record[1], data));
            offset += 8 + length + padding;
        }

        return records;
    }

    private static Dictionary<ulong, object> Fields(ReadOnlySpan<byte> message)
    {
        var fields = new Dictionary<ulong, object>();
        while (!message.IsEmpty)
        {
            ulong tag = Varint(ref message);
            if ((tag & 7) == 0)
            {
                fields[tag >> 3] = Varint(ref message);
                continue;
            }

            Assert.Equal(2UL, tag & 7);
            int length = (int)Varint(ref message);
            fields[tag >> 3] = message[..length].ToArray();
            message = message[length..];
        }

        return fields;
    }

    private static ulong Varint(ref ReadOnlySpan<byte> message)
    {
        ulong value = 0;
        for (int shift = 0; ; shift += 7)
        {
            byte next = message[0];
            message = message[1..];
            value |= (ulong)(next & 0x7f) << shift;
            if (next < 0x80)
            {
                return value;
            }
        }
    }

    /// <summary>CRC-32C, bit by bit (reflected polynomial 0x82F63B78).</summary>
    private static uint Crc32C(uint crc, byte[] data)
    {
        crc = ~crc;
        foreach (byte part in data)
        {
            crc ^= part;
            for (int bit = 0; bit < 8; bit++)
            {
                crc = (crc >> 1) ^ ((crc & 1) * 0x82F6_3B78);
            }
        }

        return ~crc;
    }

    private static void WriteSegment(TemporaryDirectory directory, byte[] content) =>
        File.WriteAllBytes(directory["0000000000000000-0000000000000000.wal"], content);

    private static byte[] Bytes(string hex) => Convert.FromHexString(hex.Replace(" ", "", StringComparison.Ordinal));
}
