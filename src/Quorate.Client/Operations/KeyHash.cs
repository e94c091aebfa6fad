namespace Quorate.Client;

/// <summary>A hash over the keys up to a revision: members that have the same compaction have the same hash.</summary>
public sealed record KeyHash(uint Hash, long Revision, long CompactRevision);
