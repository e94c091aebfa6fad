namespace Quorate.Server.Replication;

/// <summary>A reader who waits until a read of the local state is linearizable, or until an index is applied.</summary>
internal sealed class PendingRead : Pending;
