using Quorate.Simulation.Disks;
using Quorate.Storage.Files;

namespace Quorate.Storage.Tests.Files;

/// <summary>The disk that everything else is tried on has to lose what a real one may lose, and nothing else.</summary>
public sealed class SimulatedDiskTests
{
    [Fact]
    public void A_crash_takes_unsynced_bytes_back_and_leaves_synced_ones()
    {
        SimulatedDisk disk = Create(out IFile file);
        file.Write(0, Filled(2048, 1));
        file.Sync();
        file.Write(512, Filled(1024, 2));
        file.Write(2048, Filled(100, 3));
        disk.Crash(CrashLoss.All);
        Assert.Equal(Filled(2048, 1), ReadAll(disk));
    }

    [Fact]
    public void A_crash_can_tear_a_write_between_sectors_but_not_within_one()
    {
        var seen = new HashSet<string>();
        for (int seed = 0; seed < 200; seed++)
        {
            SimulatedDisk disk = Create(out IFile file, seed);
            file.Write(0, Filled(1024, 1));
            file.Sync();
            file.Write(0, Filled(1024, 2));
            disk.Crash(CrashLoss.AnySector);
            byte[] bytes = ReadAll(disk);
            Assert.All(bytes.Chunk(512), sector => Assert.Single(sector.Distinct()));
            seen.Add($"{bytes[0]}{bytes[512]}");
        }

        Assert.Equal(["11", "12", "21", "22"], seen.Order());
    }

    [Fact]
    public void Names_are_durable_when_their_directory_was_synced()
    {
        SimulatedDisk disk = Create(out IFile file);
        SimulatedFileSystem files = disk.Mount();
        file.Write(0, Filled(10, 1));
        file.Sync();
        files.Move("/d/f", "/d/g");
        disk.Crash(CrashLoss.All);
        Assert.Equal(["f"], disk.Mount().List("/d"));

        files = disk.Mount();
        files.Move("/d/f", "/d/g");
        files.SyncDirectory("/d");
        files.Open("/d/h", OpenMode.Create).Sync();
        disk.Crash(CrashLoss.All);
        Assert.Equal(["g"], disk.Mount().List("/d"));
    }

    [Fact]
    public void The_end_of_a_process_loses_nothing_and_frees_its_locks()
    {
        SimulatedDisk disk = Create(out IFile file);
        Assert.True(file.TryLock(LockKind.Whole));
        Assert.False(disk.Mount().Open("/d/f", OpenMode.ReadWrite).TryLock(LockKind.Whole));
        file.Write(0, Filled(10, 1));
        disk.Crash(CrashLoss.None);
        Assert.Equal(Filled(10, 1), ReadAll(disk));
        Assert.True(disk.Mount().Open("/d/f", OpenMode.ReadWrite).TryLock(LockKind.Whole));
        Assert.Throws<SimulatedCrashException>(() => file.Sync());
    }

    [Fact]
    public void A_crash_comes_at_the_operation_it_was_asked_for()
    {
        SimulatedDisk disk = Create(out IFile file);
        disk.CrashAfter(1);
        file.Write(0, Filled(10, 1));
        Assert.Throws<SimulatedCrashException>(() => file.Sync());
        disk.Crash(CrashLoss.All);
        Assert.Empty(ReadAll(disk));
    }

    [Fact]
    public unsafe void A_mapping_sees_what_is_written_later()
    {
        Create(out IFile file);
        using IFileMapping mapping = file.Map(1 << 20);
        file.Write(70_000, Filled(10, 7));
        Assert.Equal(7, mapping.Pointer[70_005]);
    }

    private static SimulatedDisk Create(out IFile file, int seed = 1)
    {
        var disk = new SimulatedDisk(seed);
        SimulatedFileSystem files = disk.Mount();
        files.CreateDirectory("/d");
        files.SyncDirectory("/");
        file = files.Open("/d/f", OpenMode.CreateNew);
        files.SyncDirectory("/d");
        return disk;
    }

    private static byte[] Filled(int length, byte value)
    {
        var bytes = new byte[length];
        Array.Fill(bytes, value);
        return bytes;
    }

    private static byte[] ReadAll(SimulatedDisk disk)
    {
        using IFile file = disk.Mount().Open("/d/f", OpenMode.Read);
        var bytes = new byte[file.Length];
        file.Read(0, bytes);
        return bytes;
    }
}
