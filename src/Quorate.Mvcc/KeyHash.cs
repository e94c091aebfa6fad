namespace Quorate.Mvcc;

/// <summary>A hash of the history: up to which revision, and with which compaction done.</summary>
public readonly record struct KeyHash(uint Hash, long HashRevision, long CompactRevision, long Revision);
