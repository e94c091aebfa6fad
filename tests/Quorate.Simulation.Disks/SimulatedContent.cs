using System.Runtime.InteropServices;
using Quorate.Storage.Files;

namespace Quorate.Simulation.Disks;

/// <summary>
/// The bytes of a file. They lie in one region of memory that never moves, so that mappings see what is written; of each sector
/// that was written since the last sync the durable content is kept aside.
/// </summary>
internal sealed unsafe partial class SimulatedContent
{
    private const int Sector = 512;
    private const long Reserved = 16L << 30; // address space only
    private const int ReadWrite = 3, PrivateAnonymousNoReserve = 0x2 | 0x20 | 0x4000;

    private static readonly byte[] Zeros = new byte[Sector];

    private readonly byte* _memory;
    private readonly Dictionary<long, byte[]> _unsynced = [];
    private long _durableLength;
    private long _written;

    public SimulatedContent()
    {
        nint address = mmap(0, unchecked((nuint)Reserved), ReadWrite, PrivateAnonymousNoReserve, -1, 0);
        _memory = address == -1 ? throw new IOException("no address space for a simulated file") : (byte*)address;
    }

    ~SimulatedContent() => munmap((nint)_memory, unchecked((nuint)Reserved));

    public long Length { get; private set; }

    public byte* Memory => _memory;

    public Dictionary<LockKind, object> Locks { get; } = [];

    public int Read(long offset, Span<byte> buffer)
    {
        int count = (int)Math.Clamp(Length - offset, 0, buffer.Length);
        int touched = (int)Math.Clamp(_written - offset, 0, count);
        new ReadOnlySpan<byte>(_memory + offset, touched).CopyTo(buffer);
        buffer[touched..count].Clear();
        return count;
    }

    public void Write(long offset, ReadOnlySpan<byte> data)
    {
        if (offset + data.Length > Reserved)
        {
            throw new IOException("a simulated file is too long");
        }

        if (offset >= _written && data.IndexOfAnyExcept((byte)0) < 0)
        {
            // Zeros on zeros: memory that nobody touched need not be.
            Length = Math.Max(Length, offset + data.Length);
            return;
        }

        SetAside(offset, offset + data.Length);
        data.CopyTo(new Span<byte>(_memory + offset, data.Length));
        Length = Math.Max(Length, offset + data.Length);
        _written = Math.Max(_written, offset + data.Length);
    }

    public void SetLength(long length)
    {
        if (length < _written)
        {
            SetAside(length, _written);
            Zero(length, _written);
            _written = length;
        }

        Length = length;
    }

    public void Sync()
    {
        _unsynced.Clear();
        _durableLength = Length;
    }

    /// <summary>Loses what was not synced; returns the number of sectors that fell back.</summary>
    public int Crash(CrashLoss loss, Random random)
    {
        Locks.Clear();
        int lost = 0;
        if (loss != CrashLoss.None)
        {
            long length = loss == CrashLoss.All || random.Next(2) == 0 ? _durableLength : Length;
            int kept = random.Next(_unsynced.Count + 1), i = 0;
            foreach ((long sector, byte[] durable) in _unsynced.OrderBy(pair => pair.Key))
            {
                bool isKept = loss == CrashLoss.AnySector ? random.Next(2) == 0 : loss == CrashLoss.Tail && i++ < kept;
                if (!isKept)
                {
                    durable.CopyTo(new Span<byte>(_memory + (sector * Sector), Sector));
                    _written = Math.Max(_written, (sector + 1) * Sector);
                    lost++;
                }
            }

            if (length < _written)
            {
                Zero(length, _written);
                _written = length;
            }

            Length = length;
        }

        Sync();
        return lost;
    }

    public bool FlipBit(long offset, int bit)
    {
        if (offset >= Length)
        {
            return false;
        }

        _memory[offset] ^= (byte)(1 << bit);
        return true;
    }

    private void SetAside(long from, long to)
    {
        for (long sector = from / Sector; sector * Sector < to; sector++)
        {
            if (!_unsynced.ContainsKey(sector))
            {
                _unsynced[sector] = sector * Sector >= _written ? Zeros
                    : new ReadOnlySpan<byte>(_memory + (sector * Sector), Sector).ToArray();
            }
        }
    }

    private void Zero(long from, long to) => NativeMemory.Clear(_memory + from, (nuint)(to - from));

    [LibraryImport("libc")]
    private static partial nint mmap(nint address, nuint length, int protection, int flags, int descriptor, long offset);

    [LibraryImport("libc")]
    private static partial int munmap(nint address, nuint length);
}
