namespace Quorate.Mvcc.Backing;

/// <summary>Takes one row of the history; false to end.</summary>
public delegate bool RowVisitor(long main, long sub, bool isTombstone, ReadOnlySpan<byte> value);
