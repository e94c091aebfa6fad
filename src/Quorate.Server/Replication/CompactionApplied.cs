using Quorate.Protocol;

namespace Quorate.Server.Replication;

/// <summary>A compaction that is in force; its rows go by and by.</summary>
internal sealed record CompactionApplied(CompactionResponse Response, Task Physical);
