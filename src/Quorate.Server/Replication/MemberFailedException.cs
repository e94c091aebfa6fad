namespace Quorate.Server.Replication;

/// <summary>The member cannot go on without harm.</summary>
public sealed class MemberFailedException(string message) : Exception(message);
