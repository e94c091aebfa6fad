using System.Buffers;
using System.Text.Json;
using Quorate.Server.Operations;
using Quorate.Server.Replication;

namespace Quorate.Server.Api;

/// <summary>/debug/vars (spec 06 §14.3).</summary>
internal static class DebugVariables
{
    public static ReadOnlyMemory<byte> Json(IMember member)
    {
        var output = new ArrayBufferWriter<byte>();
        using var writer = new Utf8JsonWriter(output);
        writer.WriteStartObject();
        writer.WriteStartArray("cmdline");
        foreach (string argument in Environment.GetCommandLineArgs())
        {
            writer.WriteStringValue(argument);
        }

        writer.WriteEndArray();
        writer.WriteNumber("file_descriptor_limit", ProcessMetrics.FileLimit());
        writer.WriteStartObject("memstats");
        GCMemoryInfo memory = GC.GetGCMemoryInfo();
        writer.WriteNumber("Alloc", GC.GetTotalMemory(forceFullCollection: false));
        writer.WriteNumber("TotalAlloc", GC.GetTotalAllocatedBytes());
        writer.WriteNumber("HeapSys", memory.TotalCommittedBytes);
        writer.WriteNumber("NumGC", GC.CollectionCount(0));
        writer.WriteEndObject();
        writer.WriteStartObject("raft.status");
        writer.WriteString("id", member.Id.ToString("x"));
        writer.WriteNumber("term", member.Term);
        writer.WriteNumber("commit", member.CommittedIndex);
        writer.WriteString("lead", member.LeaderId.ToString("x"));
        writer.WriteString("raftState", member.IsLeader ? "StateLeader" : "StateFollower");
        writer.WriteNumber("applied", member.AppliedIndex);
        writer.WriteEndObject();
        writer.WriteEndObject();
        writer.Flush();
        return output.WrittenMemory;
    }
}
