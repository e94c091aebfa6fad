namespace Quorate.Simulation.Disks;

/// <summary>The machine lost its power in the middle of an operation on its disk; nothing of that incarnation goes on.</summary>
public sealed class SimulatedCrashException(string operation) : IOException($"crash at {operation}");
