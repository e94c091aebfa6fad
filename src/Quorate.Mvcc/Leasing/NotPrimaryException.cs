namespace Quorate.Mvcc.Leasing;

/// <summary>A lease was to be renewed on a member that does not lead.</summary>
public sealed class NotPrimaryException() : Exception("not a primary lessor");
