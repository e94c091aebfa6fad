using Quorate.Storage.Files;

namespace Quorate.Simulation.Disks;

/// <summary>A view of a simulated file; it keeps the file's memory alive.</summary>
internal sealed unsafe class SimulatedMapping(SimulatedContent content, long length) : IFileMapping
{
    public byte* Pointer => content.Memory;

    public long Length => length;

    public void Dispose() => GC.KeepAlive(content);
}
