namespace Quorate.Server.Replication;

/// <summary>The member cannot start with these options and this directory; the text is etcd's (spec 06 §7.3).</summary>
public sealed class BootstrapException : Exception
{
    public BootstrapException(string message)
        : base(message)
    {
    }

    public BootstrapException(string message, Exception inner)
        : base(message, inner)
    {
    }
}
