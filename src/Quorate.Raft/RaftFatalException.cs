namespace Quorate.Raft;

/// <summary>
/// A condition that means that data was lost or that the core was driven wrongly: the member must stop rather than go on (spec 08
/// §17).
/// </summary>
public sealed class RaftFatalException(string message) : Exception(message);
