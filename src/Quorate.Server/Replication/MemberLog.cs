namespace Quorate.Server.Replication;

/// <summary>Writes log lines with the fields that every line of a member has.</summary>
internal sealed class MemberLog(Action<string, string, IReadOnlyList<(string Key, object? Value)>>? write)
{
    /// <summary>Hexadecimal, as etcd logs ids; null before they are known.</summary>
    public string? LocalId { get; set; }

    public string? ClusterId { get; set; }

    public void Info(string message, params (string Key, object? Value)[] fields) => write?.Invoke("info", message, fields);

    public void Warn(string message, params (string Key, object? Value)[] fields) => write?.Invoke("warn", message, fields);

    public void Error(string message, params (string Key, object? Value)[] fields) => write?.Invoke("error", message, fields);

    /// <summary>A line of the consensus core.</summary>
    public void Raft(string message) => write?.Invoke("info", message, [("logger", "raft")]);

    public (string Key, object? Value) Local => ("local-member-id", LocalId);

    public (string Key, object? Value) Cluster => ("cluster-id", ClusterId);
}
