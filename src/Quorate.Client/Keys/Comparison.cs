namespace Quorate.Client;

/// <summary>How a condition compares what is stored with what is given.</summary>
public enum Comparison
{
    Equal,
    Greater,
    Less,
    NotEqual,
}
