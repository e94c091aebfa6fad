namespace Quorate.Server.Logging;

/// <summary>The levels of etcd's log.</summary>
public enum LogLevel
{
    Debug,
    Info,
    Warn,
    Error,
    Dpanic,
    Panic,
    Fatal,
}
