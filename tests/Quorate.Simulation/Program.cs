using Quorate.Simulation.Disks;

// The cluster follows; until then the disk alone is looked at.
var disk = new SimulatedDisk(1);
disk.Mount().CreateDirectory("/data");
disk.Crash(CrashLoss.All);
Console.WriteLine($"an unsynced directory {(disk.Mount().DirectoryExists("/data") ? "survived" : "is gone")}");
