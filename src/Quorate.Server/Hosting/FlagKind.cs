namespace Quorate.Server.Hosting;

/// <summary>What a flag's value is (spec 06 §1.2).</summary>
internal enum FlagKind
{
    Text,
    Boolean,
    Integer,
    Unsigned,
    Duration,
    Urls,
    List,
}
