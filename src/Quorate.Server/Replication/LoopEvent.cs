namespace Quorate.Server.Replication;

/// <summary>Something that the member loop is told by the other loops, the transport or a caller.</summary>
internal readonly record struct LoopEvent(LoopEventKind Kind, ulong Number = 0, object? Payload = null);
